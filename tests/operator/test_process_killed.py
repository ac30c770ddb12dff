"""The operator's process is killed at a write, and the next one goes on from what the cluster remembers."""

from contextlib import ExitStack

import pytest

from lives import remains
from operator_process import LEASE_KEY, Door, Site, eventually
from tracedmodel_operator.kinds import LEASE

FEWEST_WRITES = 9
"""Until a resource is ready, however quick everybody else is: Events and the Lease aside."""


def live(site):
    """Bring a resource up, and replace its model, with whatever operator there is."""
    site.apply()
    site.becomes_ready()
    site.apply({"model": {"revision": "d" * 40}})
    site.becomes_ready()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    with ExitStack() as stack:
        site = Site(stack, tmp_path_factory.mktemp("undisturbed"))
        site.operator()
        live(site)
        return remains(site)


def starts_doomed(site, at, *, carried_out):
    """Start an operator that will be killed at a write, before or after it is carried out."""
    door = Door()
    server = site.server(door)
    operator = site.operator(server)
    door.doom(operator.kill, at, carried_out=carried_out)
    return operator


def bury(site, operator):
    """Wait for the operator's end, and let the next one not wait for its Lease."""
    site.eventually(lambda: operator.process.poll() is not None)
    assert operator.exit_code() == -9
    site.cluster.delete(LEASE, *LEASE_KEY)


def moments():
    """Return each write, before and after it is carried out; half of them take long enough for every day."""
    for at in range(1, FEWEST_WRITES + 1):
        for carried_out in (False, True):
            marks = [pytest.mark.slow] if carried_out == at % 2 else []
            name = f"{at} {'unanswered' if carried_out else 'unsent'}"
            yield pytest.param(at, carried_out, marks=marks, id=name)


@pytest.mark.parametrize(("at", "carried_out"), list(moments()))
def test_the_next_process_comes_to_the_same_end(site, at, carried_out, undisturbed):
    operator = starts_doomed(site, at, carried_out=carried_out)
    site.apply()
    bury(site, operator)
    site.operator()
    live(site)
    assert remains(site) == undisturbed
    assert site.most_live_jobs() == 1


@pytest.mark.parametrize("carried_out", [False, True], ids=["unsent", "unanswered"])
def test_many_processes_that_die_young_come_to_the_same_end(site, carried_out, undisturbed):
    site.apply()
    for _ in range(3):
        bury(site, starts_doomed(site, 2, carried_out=carried_out))
    site.operator()
    live(site)
    assert remains(site) == undisturbed
    assert site.most_live_jobs() == 1


@pytest.mark.slow
def test_the_next_process_waits_until_the_lease_of_a_killed_one_is_over(site):
    first = site.operator()
    eventually(site.holder)
    dead = site.holder()
    first.kill()
    site.operator()
    site.apply()
    site.becomes_ready()
    assert site.holder() not in (dead, "")
