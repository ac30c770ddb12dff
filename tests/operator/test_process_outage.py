"""The API server goes away under a working operator, and comes back."""

import pytest

from apiserver.faults import BROKEN, EXPIRED, FORBIDDEN, THROTTLED, watches
from operator_process import KEY, Door, eventually
from tracedmodel_operator.kinds import DEPLOYMENT, SERVICE


@pytest.fixture
def door():
    return Door()


@pytest.fixture
def server(site, door):
    return site.server(door)


@pytest.fixture
def operator(site, server):
    """An operator that brought a resource up."""
    process = site.operator(server)
    site.apply()
    site.becomes_ready()
    return process


def test_what_happened_while_the_server_was_away_is_done(site, server, operator):
    server.stop()
    site.apply({"serving": {"replicas": 3}})
    site.cluster.delete(SERVICE, *KEY)
    server.start()
    site.eventually(lambda: site.cluster.get(SERVICE, *KEY))
    site.becomes_ready()
    assert site.cluster.get(DEPLOYMENT, *KEY)["spec"]["replicas"] == 3
    assert operator.process.poll() is None


@pytest.mark.parametrize("fault", [BROKEN, THROTTLED, FORBIDDEN], ids=lambda f: f.reason)
def test_what_was_asked_for_while_everything_failed_is_done(site, server, door, operator, fault):
    door.next(fault, times=20)
    server.end_watches()
    site.apply({"serving": {"replicas": 3}})
    site.becomes_ready()
    assert len([struck for _, struck in door.struck if struck is fault]) == 20
    assert operator.process.poll() is None


def test_a_deletion_that_no_watch_tells_of_is_found_by_a_list(site, server):
    site.operator(server, resync_seconds=1)
    site.apply()
    site.becomes_ready()
    server.stop()
    site.cluster.delete(SERVICE, *KEY)
    site.cluster.compact()
    server.start()
    site.eventually(lambda: site.cluster.get(SERVICE, *KEY))


def test_watches_that_cannot_go_on_end_the_process_and_the_next_one_goes_on(site, server, door):
    """kopf knows this answer only amid a stream."""
    door.next(EXPIRED, when=watches)
    operator = site.operator(server)
    assert operator.exit_code() == 1
    assert "the watches ended: " in operator.said().splitlines()[-1]
    eventually(lambda: site.holder() == "")
    site.operator(server)
    site.apply()
    site.becomes_ready()
