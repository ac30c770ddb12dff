import pytest

from rendered import PINNED, container, deployment, job, pod, replica, variables
from resources import report, resource, row
from tracedmodel_api.buckets import Bucket
from tracedmodel_api.request import export_request
from tracedmodel_operator.render import durations
from tracedmodel_operator.settings import Settings

SMALL, LARGE = Bucket(1, 32), Bucket(8, 128)


def measured(**changes):
    """Return a replica on CPUs of two buckets with figures of their own."""
    serving = {"resources": {"cpu": changes.pop("cpu", "8")}}
    serving |= {"batching": {"maxQueuedRequests": changes.pop("queued", 1024)}}
    parameters = changes.pop("parameters", 1_000_000)
    rows = (row(SMALL, **changes), row(LARGE, **changes))
    return replica({"serving": serving}, made=report(rows=rows, parameters=parameters))


def inf1(cores, size=100_000_000):
    unknown = {"error": None, "agreement": None, "p50": None, "size": size}
    rows = (row(SMALL, **unknown), row(LARGE, **unknown))
    return replica({"target": "Inf1", "serving": {"neuronCores": cores}}, made=report(rows=rows))


def test_a_small_model_has_two_minutes_to_start_and_a_little_more():
    assert 120 < durations.start_seconds(measured()) < 150


@pytest.mark.parametrize(
    "slower",
    [{"size": 500_000_000}, {"parameters": 300_000_000}, {"p50": 2_000_000}, {"cpu": "500m"}],
)
def test_whatever_makes_a_start_longer_makes_it_longer(slower):
    ordinary = {"p50": 100_000}
    assert durations.start_seconds(measured(**{**ordinary, **slower})) > durations.start_seconds(
        measured(**ordinary)
    )


def test_a_start_has_time_for_every_byte_and_every_run():
    # 400 MB of weights and 200 of graphs at 10 MB/s; two buckets of eight golden batches at least, on a quarter of CPUs.
    slow = measured(size=100_000_000, parameters=100_000_000, p50=1_000_000, cpu="2")
    assert durations.start_seconds(slow) > 60 + 2 * 8 * 4


def test_a_start_never_has_more_than_an_hour():
    assert durations.start_seconds(measured(p50=4_000_000_000)) == 3600


def test_what_was_not_measured_is_taken_to_be_slow():
    unknown = durations.start_seconds(measured(p50=None, parameters=None))
    assert unknown > durations.start_seconds(measured(p50=50_000))


def test_loading_onto_neuroncores_takes_longer_the_more_there_are():
    starts = [durations.start_seconds(inf1(cores)) for cores in (1, 4, 16)]
    assert starts == sorted(set(starts))
    assert durations.start_seconds(inf1(4, 10_000_000)) < durations.start_seconds(inf1(4))


def test_weights_inside_the_graphs_of_inf1_are_not_counted_twice():
    light = durations.start_seconds(inf1(1, 1_000_000))
    heavy = replica(
        {"target": "Inf1"},
        made=report(parameters=10**9, rows=inf1(1, 1_000_000).artifact.report.rows),
    )
    assert durations.start_seconds(heavy) == light


def test_the_startup_probe_waits_as_long_as_a_start_may_take_and_looks_often():
    probe = container(deployment())["startupProbe"]
    start = durations.start_seconds(replica())
    assert start <= probe["periodSeconds"] * probe["failureThreshold"] < start + 2
    assert probe["periodSeconds"] <= 2


def test_kubernetes_never_calls_a_start_failed_that_the_probe_still_waits_for():
    def deadline(seconds):
        spec = {"serving": {"rollout": {"progressDeadlineSeconds": seconds}}}
        return deployment(spec)["spec"]["progressDeadlineSeconds"]

    assert deadline(1800) == 1800
    assert deadline(60) > durations.start_seconds(replica())


def test_a_server_may_finish_a_full_queue():
    # 800 texts in batches of 8, half a second each.
    assert durations.grace_seconds(measured(queued=800, p50=500_000)) >= 100 * 0.5
    assert durations.grace_seconds(measured(queued=800, p50=500_000, cpu="2")) >= 100 * 0.5 * 4


def test_the_queue_is_judged_by_the_longest_texts():
    short, long = Bucket(8, 32), Bucket(1, 512)
    made = report(rows=(row(short, p50=1000), row(long, p50=400_000)))
    spec = {
        "export": {"buckets": [short.as_json(), long.as_json()]},
        "serving": {"resources": {"cpu": "8"}, "batching": {"maxQueuedRequests": 100}},
    }
    assert 100 * 0.4 <= durations.grace_seconds(replica(spec, made=made)) <= 100 * 0.4 + 1


def test_short_texts_are_no_worse_off_than_the_longest():
    # A full queue of them runs in the large bucket, though each alone takes the small one.
    made = report(rows=(row(SMALL, p50=4_000_000), row(LARGE, p50=800_000)))
    spec = {"serving": {"resources": {"cpu": "8"}, "batching": {"maxQueuedRequests": 1000}}}
    assert durations.grace_seconds(replica(spec, made=made)) == 1000 * 0.1 + 4


def test_of_many_cores_one_may_have_to_run_the_whole_queue():
    # The others may not hold the bucket, or all of them may be one pipeline.
    rows = (row(LARGE, p50=2_000_000),)
    made, serving = report(rows=rows), {"neuronCores": 16, "batching": {"maxQueuedRequests": 800}}
    busy = replica({"target": "Inf1", "serving": serving}, made=made)
    assert durations.grace_seconds(busy) >= 100 * 2


def test_a_server_has_at_least_the_time_that_is_set_and_at_most_what_autoscalers_wait():
    assert durations.grace_seconds(measured(p50=1)) == PINNED.grace_seconds
    slowest = measured(p50=4_000_000_000)
    assert durations.end_seconds(slowest) == 600
    patient = PINNED.with_(grace_seconds=900)
    assert durations.grace_seconds(replica(settings=patient)) == 900


def test_a_server_ends_by_itself_before_it_is_killed():
    rendered = deployment()
    told = variables(rendered)
    own = int(told["TRACEDMODEL_DRAIN_SECONDS"]) + int(told["TRACEDMODEL_GRACE_SECONDS"])
    leaving = 5
    assert pod(rendered)["terminationGracePeriodSeconds"] > own + leaving


@pytest.mark.parametrize(
    ("spec", "settings"),
    [
        ({"export": {"resources": {"cpu": "32"}}}, PINNED),
        ({"serving": {"replicas": 7}}, PINNED),
        ({}, PINNED.with_(backoff_seconds=99)),
        ({}, PINNED.with_(cpu=PINNED.cpu.model_copy(update={"export_resources": {"cpu": "64"}}))),
    ],
)
def test_pods_are_not_replaced_for_what_does_not_concern_them(spec, settings: Settings):
    assert deployment(spec, settings)["spec"]["template"] == deployment()["spec"]["template"]


def test_pods_on_inf1_are_not_replaced_for_the_compiler_of_the_next_artifact():
    def template(cores):
        compiler, serving = {"pipelineCores": cores}, {"neuronCores": 4}
        spec = {"target": "Inf1", "export": {"compiler": compiler}, "serving": serving}
        return deployment(spec)["spec"]["template"]

    assert template(4) == template(1)


def deadline(**export):
    return job({"export": export})["spec"]["activeDeadlineSeconds"]


def shapes(*wanted):
    return [Bucket(*shape).as_json() for shape in wanted]


def test_an_export_has_more_time_for_more_and_for_larger_buckets():
    one = deadline(buckets=shapes((1, 128)))
    two = deadline(buckets=shapes((1, 128), (8, 128)))
    large = deadline(buckets=shapes((1, 128), (256, 512)))
    assert 1800 < one < two < large


def test_a_translation_has_time_for_every_token_of_its_answers():
    # Six layers on two CPUs took 0.3 ms a token of a beam; a bucket is translated about twenty times.
    task = {"model": {"source": "hf://a/b", "task": "Translation"}}
    buckets = shapes((4, 128, 128, 4))
    rendered = job({**task, "export": {"buckets": buckets}})
    assert rendered["spec"]["activeDeadlineSeconds"] > 20 * 4 * 4 * 128 * 128 * 3e-4


def test_pods_that_share_an_export_have_the_time_of_the_largest_share():
    four = shapes((1, 32), (1, 64), (1, 128), (1, 256))
    together, apart = deadline(buckets=four), deadline(buckets=four, parallelism=4)
    alone = deadline(buckets=shapes((1, 256)))
    assert together > apart == alone


def test_the_compiler_has_its_time_for_each_bucket():
    two = {"target": "Inf1", "export": {"compiler": {"timeoutSeconds": 7200}}}
    request = export_request(resource(two), "s3://models")
    assert durations.export_seconds(request) > 2 * 7200
