"""The page of metrics says what the registry has, no less and no more."""

import pytest

import metrics_page
from tracedmodel_api.buckets import Bucket
from tracedmodel_server.metrics import Metrics, Start

PART = metrics_page.part("Of a server")
BUCKET = Bucket(8, 128)


def filled():
    """Return metrics of which every one has a value."""
    metrics = Metrics()
    metrics.answered("infer", 200)
    metrics.tokenized(0.002)
    metrics.done(0.2)
    metrics.proved(BUCKET, Start(1e-6, 0.09, 0.04, 0.5))
    metrics.dispatched(BUCKET, [100, 20], [0.001, 0.002])
    metrics.finished(BUCKET, 0.5)
    info = ["version", "model", "task", "target", "precision", "revision", "artifact_digest"]
    metrics.serves(dict.fromkeys(info, "x"), 2, lambda: 7)
    metrics.watch_connections(lambda: 3)
    metrics.watch_bodies(lambda: 512)
    metrics.started()
    return metrics


def test_the_page_and_the_registry_name_the_same_metrics_with_the_same_types_and_labels():
    assert metrics_page.rows(PART) == metrics_page.families(filled().registry)


def test_every_metric_of_a_question_is_there():
    asked = metrics_page.asked(PART, "Questions")
    assert asked <= set(metrics_page.rows(PART))
    assert len(asked) > 8


@pytest.mark.parametrize(
    "line",
    [
        'tracedmodel_requests_total{code="200",route="infer"} 1.0',
        'tracedmodel_stage_seconds_sum{bucket="",stage="tokenization"} 0.002',
        'tracedmodel_stage_seconds_sum{bucket="",stage="total"} 0.2',
        'tracedmodel_stage_seconds_sum{bucket="8x128",stage="queue"} 0.003',
        'tracedmodel_stage_seconds_count{bucket="8x128",stage="queue"} 2.0',
        'tracedmodel_stage_seconds_sum{bucket="8x128",stage="inference"} 0.5',
        "tracedmodel_text_tokens_sum 120.0",
        'tracedmodel_batch_texts_sum{bucket="8x128"} 2.0',
        'tracedmodel_tokens_total{bucket="8x128",kind="real"} 120.0',
        'tracedmodel_tokens_total{bucket="8x128",kind="padding"} 904.0',
        "tracedmodel_worker_busy_seconds_total 0.5",
        "tracedmodel_work_seconds_total 0.0225",
        "tracedmodel_workers 2.0",
        "tracedmodel_queue_texts 7.0",
        "tracedmodel_connections 3.0",
        "tracedmodel_body_bytes 512.0",
        'tracedmodel_golden_error{bucket="8x128"} 1e-06',
        'tracedmodel_bucket_cost_seconds{bucket="8x128"} 0.09',
        'tracedmodel_load_seconds{bucket="8x128"} 0.04',
        'tracedmodel_proof_seconds{bucket="8x128"} 0.5',
    ],
)
def test_what_happens_is_counted_as_the_page_says(line):
    assert line in filled().render().decode().splitlines()


def test_a_server_says_what_it_serves(embedder, tiny):
    index = tiny("FeatureExtraction").index
    lines = embedder.client.get("/metrics").text.splitlines()
    (info,) = (line for line in lines if line.startswith("tracedmodel_build_info{"))
    for part in (
        'model="tiny"',
        'task="FeatureExtraction"',
        f'artifact_digest="{index.identity()}"',
    ):
        assert part in info
    assert embedder.metric("tracedmodel_fetch_seconds") > 0
    assert embedder.metric('tracedmodel_proof_seconds{bucket="4x64"}') > 0
    started = embedder.metric("process_start_time_seconds")
    assert embedder.metric("tracedmodel_ready_timestamp_seconds") > started
