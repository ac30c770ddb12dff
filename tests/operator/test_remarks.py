import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from apiserver import FakeCluster, InProcess
from resources import NOW, resource
from states import autoscaled
from tracedmodel_operator.audience import Chronicle
from tracedmodel_operator.events import Recorder
from tracedmodel_operator.kinds import EVENT
from tracedmodel_operator.kube import Kube
from tracedmodel_operator.metrics import Metrics
from tracedmodel_operator.podstate import Trouble
from tracedmodel_operator.remarks import Patience, Remarks

KEY = ("search", "minilm")
ITEM = {"metadata": {"namespace": "search", "name": "minilm", "uid": "u-1"}}
SCALED = resource({"serving": {"autoscaling": {"maxReplicas": 9}}})
TROUBLE = Trouble("FailedGetPodsMetric", "no metrics returned")


def seen(seconds, blind=TROUBLE, up=4):
    observation = autoscaled(up).observe()
    return replace(observation, now=NOW + timedelta(seconds=seconds), blind=blind)


def test_unknown_load_is_told_when_it_lasts():
    patience = Patience()
    assert patience.remarks(KEY, SCALED, seen(0)) == (Remarks(), 300)
    assert patience.remarks(KEY, SCALED, seen(299)) == (Remarks(), 1)
    assert patience.remarks(KEY, SCALED, seen(300)) == (Remarks(TROUBLE), None)


def test_a_moment_of_sight_begins_the_wait_anew():
    patience = Patience()
    patience.remarks(KEY, SCALED, seen(0))
    assert patience.remarks(KEY, SCALED, seen(200, None)) == (Remarks(), None)
    assert patience.remarks(KEY, SCALED, seen(400)) == (Remarks(), 300)
    patience.forget(KEY)
    assert patience.remarks(KEY, SCALED, seen(900)) == (Remarks(), 300)


def test_replicas_that_never_were_up_have_no_load_to_tell():
    patience = Patience()
    patience.remarks(KEY, SCALED, seen(0, up=0))
    assert patience.remarks(KEY, SCALED, seen(900, up=0)) == (Remarks(), None)


@pytest.mark.parametrize(
    ("serving", "told"),
    [
        ({"replicas": 3, "autoscaling": {"maxReplicas": 9}}, 3),
        ({"replicas": 1, "autoscaling": {"maxReplicas": 9}}, None),
        ({"autoscaling": {"maxReplicas": 9}}, None),
        ({"replicas": 3}, None),
    ],
)
def test_replicas_beside_an_autoscaler_are_told_to_have_no_effect(serving, told):
    wanted = resource({"serving": serving})
    remarks, _ = Patience().remarks(KEY, wanted, seen(0, None))
    assert remarks.ignored_replicas == told


class Hall:
    """A chronicle, and what it tells."""

    def __init__(self):
        self.cluster = FakeCluster()
        self.metrics = Metrics()
        recorder = Recorder(Kube(InProcess(self.cluster)), "operator-1", lambda: NOW)
        self.chronicle = Chronicle(recorder, self.metrics)

    def remark(self, *remarks):
        for one in remarks:
            asyncio.run(self.chronicle.remarked(ITEM, one))

    def events(self):
        return [(e["type"], e["reason"], e["count"]) for e in self.cluster.objects(EVENT)]

    def blind(self, reason="FailedGetPodsMetric"):
        name = "tracedmodel_operator_autoscalers_blind"
        return self.metrics.registry.get_sample_value(name, {"reason": reason})


def test_each_remark_is_one_event_for_as_long_as_it_is_so():
    hall = Hall()
    hall.remark(Remarks(TROUBLE), Remarks(TROUBLE), Remarks(TROUBLE, ignored_replicas=3))
    assert sorted(hall.events()) == [
        ("Warning", "LoadUnknown", 1),
        ("Warning", "ReplicasIgnored", 1),
    ]


def test_what_comes_back_is_counted_up():
    hall = Hall()
    hall.remark(Remarks(TROUBLE), Remarks(), Remarks(TROUBLE))
    assert hall.events() == [("Warning", "LoadUnknown", 2)]


def test_blind_autoscalers_are_counted_by_their_reason_until_they_see_or_are_gone():
    hall = Hall()
    hall.remark(Remarks(TROUBLE), Remarks(TROUBLE))
    assert hall.blind() == 1
    hall.remark(Remarks(Trouble("AmbiguousSelector", "two of them")))
    assert (hall.blind(), hall.blind("AmbiguousSelector")) == (0, 1)
    hall.remark(Remarks())
    assert hall.blind("AmbiguousSelector") == 0
    hall.remark(Remarks(TROUBLE))
    hall.chronicle.gone(KEY)
    assert hall.blind() == 0
