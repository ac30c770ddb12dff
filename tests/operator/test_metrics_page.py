import metrics_page
from tracedmodel_api.status import Condition
from tracedmodel_operator.metrics import Metrics
from tracedmodel_operator.podstate import Trouble
from tracedmodel_operator.pulse import Signs

PART = metrics_page.part("Of the operator")
_SHARED = ("process_", "python_")


def filled() -> Metrics:
    """Metrics that each were told something."""
    metrics = Metrics()
    metrics.conditions.update("key", [_ready()])
    metrics.reconciled("success", 0.1)
    metrics.load_unknown("key", Trouble("FailedGetPodsMetric", ""))
    metrics.queued(0.1)
    metrics.export_took("trace", 1.0)
    metrics.exported(cached=1, traced=1)
    metrics.requested("GET", "Job", "200", 0.1)
    metrics.watch_queue(lambda: 0, lambda: 0, lambda: 0)
    metrics.watch_leader(lambda: True)
    metrics.watch_signs(lambda: {"Job": Signs(1.0, 1.0, 1.0)})
    return metrics


def _ready() -> Condition:
    moment = "2026-01-02T03:04:05Z"
    return Condition(
        type="Ready", status="True", reason="Succeeded", message="", last_transition_time=moment
    )


def test_the_page_has_every_metric_of_the_operator_and_no_other():
    told = metrics_page.families(filled().registry)
    own = {name: what for name, what in told.items() if not name.startswith(_SHARED)}
    assert metrics_page.rows(PART) == own


def test_its_questions_ask_for_metrics_that_there_are():
    asked = metrics_page.asked(PART, "Questions about the operator")
    assert asked
    assert asked <= set(metrics_page.rows(PART))
