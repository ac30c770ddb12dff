"""What can go wrong between the operator and the API server goes wrong, and the resource ends as it would have."""

import pytest

from apiserver import Faults
from apiserver.faults import FAULTS, mixture
from lives import LIFE, live, remains

READY = 3
"""Chapters after which a resource still is there."""
UNDISTURBED = remains(live(until=READY))
REQUESTS = live(until=READY).requests[0]


@pytest.mark.parametrize("position", range(1, REQUESTS + 1))
@pytest.mark.parametrize("name", FAULTS)
def test_one_fault_at_any_request_changes_nothing_in_the_end(name, position):
    faults = Faults()
    faults.at(FAULTS[name], position)
    disturbed = live(until=READY, faults=faults)
    assert faults.struck
    assert without_history(remains(disturbed)) == without_history(UNDISTURBED)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("name", [*FAULTS, "all"])
def test_a_tenth_of_all_requests_may_fail(name, seed):
    chosen = FAULTS.values() if name == "all" else [FAULTS[name]]
    disturbed = live(until=READY, faults=mixture(chosen, 0.1, seed))
    assert without_history(remains(disturbed)) == without_history(UNDISTURBED)


@pytest.mark.parametrize("seed", range(4))
def test_a_whole_life_with_every_fault_leaves_nothing(seed):
    disturbed = live(until=len(LIFE), faults=mixture(FAULTS.values(), 0.1, seed))
    assert sum(map(len, disturbed.names().values())) == 0


def without_history(found):
    """Refusals are told as the last failure, and stay as history."""
    for item in found[0]:
        item["status"].pop("lastFailure", None)
    return found
