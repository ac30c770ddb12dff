"""A model of examples/autoscaling goes to zero and comes back, and its status is right at every look."""

import pytest

import from_zero
from apiserver.outcomes import Runs, Unschedulable, Waits
from operated import KEY
from scaled_lives import Scaled
from tracedmodel_operator.kinds import DEPLOYMENT, SCALED_OBJECT, TRACED_MODEL

READY = ("Succeeded", "ReplicasAvailable")
ASLEEP = ("Succeeded", "ScaledToZero")


class Watched(Scaled):
    """Scaled, with what the status said at each look, and what the Deployment was like then."""

    def __init__(self, recipe):
        super().__init__(from_zero.settings(recipe))
        self.looks = []
        self.cluster.create(TRACED_MODEL, from_zero.model())
        self._add(KEY)
        self.persist()
        self.checks.append(self._look_on)
        self.cluster.log.clear()

    @staticmethod
    def _look_on(operated):
        told = operated.conditions()
        status = operated.cluster.get(DEPLOYMENT, *KEY).get("status", {})
        ready = status.get("readyReplicas") or 0
        operated.looks.append((operated.replicas(), ready, told["Ready"], told["Available"]))
        assert told["Exported"] == "Published"
        assert "Stalled" not in told
        assert ("Reconciling" in told) == told["Ready"].startswith("!")

    def asked(self, *, by_somebody):
        """Return the looks that there are for it when somebody begins to ask, or nobody does any more."""
        self.controllers.scalers.demand = by_somebody
        return self.seen()

    def servers(self, outcome):
        """Return the looks that there are once servers are so."""
        self.controllers.servers = lambda _: outcome
        return self.seen()

    def seen(self):
        self.looks.clear()
        self.settle()
        return list(self.looks)


@pytest.fixture(params=from_zero.RECIPES)
def operated(request):
    return Watched(request.param)


def test_a_model_begins_with_a_replica_that_proves_it(operated):
    assert operated.counts() == [1]
    assert operated.conditions() == dict(zip(("Ready", "Available"), READY, strict=True)) | {
        "Exported": "Published"
    }
    assert [item["metadata"]["name"] for item in operated.cluster.objects(SCALED_OBJECT)] == [
        KEY[1]
    ]


def test_when_nobody_asks_the_last_replica_goes_and_that_is_as_wanted(operated):
    assert operated.asked(by_somebody=False) == [(0, 1, *READY), (0, 0, *ASLEEP)]
    operated.later(3600)
    assert operated.counts() == [1, 0]


def test_from_zero_it_is_unavailable_until_a_replica_is_ready_and_says_what_it_waits_for(operated):
    operated.asked(by_somebody=False)
    operated.controllers.servers = lambda _: Unschedulable()
    told = operated.asked(by_somebody=True)
    assert {look[:2] for look in told} == {(1, 0)}
    assert {look[3] for look in told} == {"!ReplicasUnavailable"}
    assert told[-1][2] == "!Unschedulable"
    assert operated.servers(Waits())[-1] == (1, 0, "!ImageNotPulled", "!ReplicasUnavailable")
    proving = operated.servers(Runs(ready=False))[-1]
    assert proving == (1, 0, "!RolloutInProgress", "!ReplicasUnavailable")
    assert operated.servers(Runs())[-1] == (1, 1, *READY)


def test_it_goes_to_zero_and_back_as_often_as_it_is_asked_and_only_keda_scales_it(operated):
    for by_somebody in (False, True, False, True, False):
        last = operated.asked(by_somebody=by_somebody)[-1]
        assert last == ((1, 1, *READY) if by_somebody else (0, 0, *ASLEEP))
    assert operated.counts() == [1, 0, 1, 0, 1, 0]
    written = {request.path for request in operated.cluster.log if request.method != "GET"}
    assert written == {TRACED_MODEL.path(*KEY, "status")}


def test_an_operator_that_starts_while_nothing_runs_leaves_it_so(operated):
    operated.asked(by_somebody=False)
    operated.cluster.log.clear()
    operated.start()
    operated.persist()
    assert operated.counts() == [1, 0]
    assert [r.path for r in operated.cluster.log if r.method != "GET"] == []
