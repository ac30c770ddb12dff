import asyncio
import logging

import pytest

from apiserver import FakeCluster, Faults, InProcess
from apiserver.faults import BROKEN
from resources import NOW, report
from tracedmodel_api.status import Condition, Status
from tracedmodel_operator.audience import Chronicle
from tracedmodel_operator.events import Recorder
from tracedmodel_operator.kinds import EVENT
from tracedmodel_operator.kube import Kube
from tracedmodel_operator.metrics import Metrics

KEY = ("search", "minilm")
ITEM = {"metadata": {"namespace": "search", "name": "minilm", "uid": "u-1"}}


class Hall:
    """An audience, and where it writes."""

    def __init__(self):
        self.cluster = FakeCluster()
        self.faults = Faults()
        self.metrics = Metrics()
        kube = Kube(InProcess(self.cluster, self.faults))
        self.chronicle = Chronicle(Recorder(kube, "operator-1", lambda: NOW), self.metrics)

    def changed(self, before, after):
        asyncio.run(self.chronicle.changed(ITEM, before, after))

    def events(self):
        return [event["reason"] for event in self.cluster.objects(EVENT)]

    def value(self, name, **labels):
        return self.metrics.registry.get_sample_value(f"tracedmodel_{name}", labels)


@pytest.fixture
def hall():
    return Hall()


def ready(reason, status="False", message="a sentence"):
    condition = Condition(
        type="Ready",
        status=status,
        reason=reason,
        message=message,
        last_transition_time="2026-01-02T03:04:05Z",
        observed_generation=1,
    )
    return Status(conditions=[condition])


def test_a_change_is_an_event_and_a_line_in_the_log(hall, caplog):
    with caplog.at_level(logging.INFO):
        hall.changed(ready("RolloutInProgress"), ready("Succeeded", "True"))
    assert hall.events() == ["Succeeded"]
    assert caplog.messages == ["Succeeded: a sentence"]


def test_another_sentence_alone_is_no_line_in_the_log(hall, caplog):
    with caplog.at_level(logging.INFO):
        hall.changed(ready("ExportRunning"), ready("ExportRunning", message="another"))
    assert caplog.messages == []


def test_an_event_that_is_lost_does_not_end_a_look(hall, caplog):
    hall.faults.always(BROKEN)
    hall.changed(Status(), ready("Succeeded", "True"))
    assert hall.events() == []
    assert "is lost" in caplog.text


def test_what_is_true_is_counted_until_it_is_gone(hall):
    labels = {"condition": "Ready", "status": "True", "reason": "Succeeded"}
    hall.chronicle.seen(KEY, ready("ExportRunning"))
    hall.chronicle.seen(KEY, ready("Succeeded", "True"))
    assert hall.value("resources", **labels) == 1
    hall.chronicle.gone(KEY)
    assert hall.value("resources", **labels) is None


def test_an_export_is_counted_by_buckets_and_measured_by_phases(hall):
    hall.chronicle.exported(report(cached=1, milliseconds=(("trace", 1500), ("prove", 500))))
    assert hall.value("operator_export_buckets_total", cached="true") == 1
    assert hall.value("operator_export_buckets_total", cached="false") == 1
    assert hall.value("operator_export_seconds_sum", phase="trace") == 1.5
