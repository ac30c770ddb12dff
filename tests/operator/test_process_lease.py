"""Several operators at once: one works, and another takes over."""

import pytest

from operator_process import KEY, Door, eventually
from tracedmodel_operator.kinds import DEPLOYMENT

LEASE_SECONDS = 15
"""How long a Lease is respected that nobody renews."""


@pytest.fixture
def doors():
    return Door(), Door()


@pytest.fixture
def pair(site, doors):
    """A leader and a standby, each with a server of its own."""
    leader = site.operator(site.server(doors[0]))
    eventually(site.holder)
    standby = site.operator(site.server(doors[1]))
    eventually(lambda: standby.page("/readyz")[0] == 200)
    return leader, standby


def test_only_the_leader_writes(site, pair, doors):
    site.apply()
    site.becomes_ready()
    assert doors[0].writes
    assert doors[1].writes == []
    assert [operator.page("/metrics")[1].count("leader 1.0") for operator in pair] == [1, 0]


def test_a_standby_is_ready_and_well(pair):
    _, standby = pair
    assert standby.page("/readyz") == (200, "ok")
    assert standby.page("/healthz") == (200, "ok")


def test_a_standby_takes_over_from_a_leader_that_is_told_to_stop_without_waiting(site, pair, doors):
    leader, _ = pair
    first = site.holder()
    leader.terminate()
    assert leader.exit_code() == 0
    eventually(lambda: site.holder() not in ("", first), LEASE_SECONDS - 5)
    site.apply()
    site.becomes_ready()
    assert doors[1].writes


def test_a_standby_that_is_told_to_stop_leaves_the_lease_alone(site, pair):
    _, standby = pair
    held = site.holder()
    standby.terminate()
    assert standby.exit_code() == 0
    assert site.holder() == held


def test_of_two_that_start_at_once_one_leads(site, doors):
    operators = [site.operator(site.server(door)) for door in doors]
    for operator in operators:
        eventually(lambda operator=operator: operator.page("/readyz")[0] == 200)
    site.apply()
    site.becomes_ready()
    assert sorted(bool(door.writes) for door in doors) == [False, True]


@pytest.mark.slow
def test_a_leader_that_stood_still_never_writes_again(site, pair, doors):
    leader, _ = pair
    site.apply()
    site.becomes_ready()
    first, written = site.holder(), len(doors[0].writes)
    leader.freeze()
    eventually(lambda: site.holder() != first)
    site.apply({"serving": {"replicas": 3}})
    site.becomes_ready()
    leader.thaw()
    assert leader.exit_code() == 1
    assert "ending at once" in leader.said()
    assert len(doors[0].writes) == written
    assert site.cluster.get(DEPLOYMENT, *KEY)["spec"]["replicas"] == 3


@pytest.mark.slow
def test_a_leader_without_a_server_ends_before_another_works(site, doors):
    server = site.server(doors[0])
    leader = site.operator(server)
    eventually(site.holder)
    site.operator(site.server(doors[1]))
    server.stop()
    assert leader.exit_code() == 1
    assert doors[1].writes == []
    site.apply()
    site.becomes_ready()
    assert doors[1].writes
