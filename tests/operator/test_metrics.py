import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracedmodel_api import __version__
from tracedmodel_api.status import Condition
from tracedmodel_operator.collectors import ConditionCounts
from tracedmodel_operator.errors import Unavailable
from tracedmodel_operator.kinds import CONFIG_MAP, EVENT, JOB, LEASE, TRACED_MODEL
from tracedmodel_operator.kube import Request, Response
from tracedmodel_operator.metrics import Metered, Metrics
from tracedmodel_operator.pulse import Signs


@pytest.fixture
def metrics():
    return Metrics()


def value(metrics, name, **labels):
    return metrics.registry.get_sample_value(f"tracedmodel_{name}", labels)


def condition(kind="Ready", reason="Succeeded", status="True"):
    time = "2026-01-02T03:04:05Z"
    return Condition(type=kind, status=status, reason=reason, message="", last_transition_time=time)


def test_reconciles_are_counted_by_result_and_timed(metrics):
    metrics.reconciled("success", 0.3)
    metrics.reconciled("error", 0.1)
    metrics.reconciled("error", 0.1)
    assert value(metrics, "operator_reconciles_total", result="success") == 1
    assert value(metrics, "operator_reconciles_total", result="error") == 2
    assert value(metrics, "operator_reconcile_seconds_sum") == pytest.approx(0.5)


@pytest.mark.parametrize("result", ["success", "unavailable", "error"])
def test_a_result_that_did_not_occur_is_told_as_none(metrics, result):
    assert value(metrics, "operator_reconciles_total", result=result) == 0


def test_the_queue_is_read_when_somebody_asks(metrics):
    depth = [3]
    metrics.watch_queue(lambda: depth[0], lambda: 70, lambda: 1.5)
    assert value(metrics, "operator_queue_depth") == 3
    depth[0] = 4
    assert value(metrics, "operator_queue_depth") == 4
    assert value(metrics, "operator_queue_delayed") == 70
    assert value(metrics, "operator_queue_oldest_seconds") == 1.5


def test_waits_and_retries_are_counted(metrics):
    metrics.queued(0.2)
    metrics.queued(7)
    metrics.retried()
    assert value(metrics, "operator_queue_wait_seconds_count") == 2
    assert value(metrics, "operator_queue_wait_seconds_bucket", le="0.5") == 1
    assert value(metrics, "operator_retries_total") == 1


def test_the_leader_is_one_and_a_standby_zero(metrics):
    leads = [False]
    metrics.watch_leader(lambda: leads[0])
    assert value(metrics, "operator_leader") == 0
    leads[0] = True
    assert value(metrics, "operator_leader") == 1


def test_phases_of_exports_are_timed(metrics):
    metrics.export_took("trace", 90)
    assert value(metrics, "operator_export_seconds_sum", phase="trace") == 90


def test_buckets_are_counted_by_whether_the_store_had_them(metrics):
    metrics.exported(cached=3, traced=1)
    assert value(metrics, "operator_export_buckets_total", cached="true") == 3
    assert value(metrics, "operator_export_buckets_total", cached="false") == 1


def test_ages_are_told_by_kind_and_never_is_no_age(metrics):
    signs = {"Job": Signs(9, 5, None), "Pod": Signs(9, None, 2)}
    metrics.watch_signs(lambda: signs)
    assert value(metrics, "operator_last_list_age_seconds", kind="Job") == 5
    assert value(metrics, "operator_last_list_age_seconds", kind="Pod") is None
    assert value(metrics, "operator_last_watch_event_age_seconds", kind="Pod") == 2
    assert value(metrics, "operator_last_watch_event_age_seconds", kind="Job") is None
    assert b'last_list_age_seconds{kind="Job"} 5.0' in metrics.render()


def test_resources_are_counted_by_what_their_conditions_say(metrics):
    failed = condition(status="False", reason="ToleranceMissed")
    metrics.conditions.update("a", [condition(), condition("Available")])
    metrics.conditions.update("b", [failed])
    metrics.conditions.update("c", [failed])
    labels = {"condition": "Ready", "status": "False", "reason": "ToleranceMissed"}
    assert value(metrics, "resources", **labels) == 2
    metrics.conditions.remove("b")
    metrics.conditions.update("c", [condition()])
    assert value(metrics, "resources", **labels) is None
    labels |= {"status": "True", "reason": "Succeeded"}
    assert value(metrics, "resources", **labels) == 2


def test_removing_an_unknown_resource_does_nothing():
    counts = ConditionCounts()
    counts.remove("never seen")
    assert counts.counts() == {}


SAID = st.lists(
    st.builds(condition, st.sampled_from(["Ready", "Stalled"]), st.sampled_from(["A", "B"])),
    max_size=2,
)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.none() | SAID)))
def test_the_counts_are_those_of_counting_anew(changes):
    counts, known = ConditionCounts(), {}
    for key, conditions in changes:
        if conditions is None:
            counts.remove(key)
            known.pop(key, None)
        else:
            counts.update(key, conditions)
            known[key] = conditions
    every = [(c.type, c.status, c.reason) for own in known.values() for c in own]
    assert counts.counts() == {said: every.count(said) for said in every}


def test_the_version_and_the_process_are_told(metrics):
    text = metrics.render().decode()
    assert f'tracedmodel_operator_build_info{{version="{__version__}"}} 1.0' in text
    for of_python in ("process_resident_memory_bytes", "python_gc_collections", "python_info"):
        assert of_python in text


def test_two_operators_of_one_process_count_apart():
    one, other = Metrics(), Metrics()
    one.retried()
    assert value(other, "operator_retries_total") == 0


def metered(metrics, answer, request):
    """Send a request that is answered after two seconds of a clock."""
    times = iter([10.0, 12.0])

    async def transport(_):
        if isinstance(answer, BaseException):
            raise answer
        return answer

    return asyncio.run(Metered(transport, metrics, lambda: next(times))(request))


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (JOB.path("search", "minilm-export"), "Job"),
        (JOB.path(None), "Job"),
        (CONFIG_MAP.path("search"), "ConfigMap"),
        (TRACED_MODEL.path("search", "minilm", "status"), "TracedModel"),
        (LEASE.path("system", "tracedmodel-operator"), "Lease"),
        (EVENT.path("jobs"), "Event"),
        ("/api/v1/namespaces/jobs", "other"),
        ("/version", "other"),
    ],
)
def test_a_request_is_counted_by_method_kind_and_code_and_timed(metrics, path, kind):
    response = Response(201, {})
    assert metered(metrics, response, Request("POST", path)) is response
    labels = {"method": "POST", "kind": kind}
    assert value(metrics, "operator_api_requests_total", code="201", **labels) == 1
    assert value(metrics, "operator_api_request_seconds_sum", **labels) == 2


@pytest.mark.parametrize("error", [Unavailable(0, "NoAnswer", "gone"), asyncio.CancelledError()])
def test_a_request_without_an_answer_is_counted_as_such(metrics, error):
    with pytest.raises(type(error)):
        metered(metrics, error, Request("GET", JOB.path("search")))
    labels = {"method": "GET", "kind": "Job", "code": "none"}
    assert value(metrics, "operator_api_requests_total", **labels) == 1
