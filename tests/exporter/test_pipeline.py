"""The whole run: what is traced, what is taken from the store, and what the report says."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file

from exports import LARGE, SMALL, Artifact, a_request, run, tolerant
from tracedmodel_api.buckets import Bucket
from tracedmodel_api.report import Failure
from tracedmodel_api.store import Store
from tracedmodel_api.types import Target, Task
from tracedmodel_exporter import pipeline
from tracedmodel_exporter.pipeline import Export
from tracedmodel_exporter.progress import STEPS

pytestmark = pytest.mark.transformers

LONGER = Bucket(1, 24)


def test_a_report_has_a_row_for_every_bucket_and_what_all_share(model, store):
    report, told = run(a_request(model(), store, "TextClassification", LARGE, SMALL))
    assert {row.bucket for row in report.rows} == {LARGE, SMALL}
    assert (report.reason, report.message, report.cached) == (None, None, 0)
    assert len(report.revision) == 64
    assert [name for name, _ in report.files] == ["model.json", "tokenizer.json"]
    assert all(row.p50 is None for row in report.rows)
    assert told.traced() == ["4x48", "2x16"]
    assert told.expected == [2 + 2 * len(STEPS)]
    assert told.steps[0] == ("source", "resolve")


def test_the_graphs_of_one_model_name_the_same_weights(model, store):
    request = a_request(model(), store, "TextClassification", LARGE, SMALL)
    report, _ = run(request)
    graphs = [Store(request.store_url).graph_by_digest(row.digest) for row in report.rows]
    assert len({graph.modules[0].weights.digest for graph in graphs}) == 1
    assert len({graph.modules[0].graph.digest for graph in graphs}) == 2


def test_a_benchmark_gives_the_times_of_graph_and_eager_model(model, store, monkeypatch):
    monkeypatch.setattr("tracedmodel_exporter.recipes._MEASURING_SECONDS", 0)
    report, _ = run(a_request(model(), store, benchmark=True))
    (row,) = report.rows
    assert 0 < row.p50 <= row.p99
    assert row.eager_p50 > 0


def test_a_second_run_traces_nothing_and_reports_the_same(model, store):
    request = a_request(model(), store, "TextClassification", LARGE, SMALL)
    first, _ = run(request)
    second, told = run(request)
    assert told.traced() == []
    assert second.cached == 2
    assert (second.rows, second.files) == (first.rows, first.files)
    assert sorted(told.said) == ["2x16: published already", "4x48: published already"]


CACHED_RUN = """
import sys
from tracedmodel_api.request import ExportRequest
from tracedmodel_exporter import pipeline
from tracedmodel_exporter.pipeline import Export
from tracedmodel_exporter.progress import Lines
report = Export(ExportRequest.model_validate_json(sys.argv[1]), None, Lines(sys.stderr)).run()
heavy = {"torch", "transformers", "tokenizers", "safetensors", "numpy"} & set(sys.modules)
print(report.cached, sorted(heavy))
"""


def test_a_run_that_traces_nothing_imports_neither_torch_nor_transformers(model, store):
    request = a_request(model(), store)
    run(request)
    text = json.dumps(request.as_json())
    command = [sys.executable, "-c", CACHED_RUN, text]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "1 []\n"


def test_a_bucket_more_traces_that_one_alone(model, store):
    run(a_request(model(), store, "TextClassification", SMALL))
    report, told = run(a_request(model(), store, "TextClassification", SMALL, LONGER))
    assert told.traced() == ["1x24"]
    assert report.cached == 1
    assert {row.bucket for row in report.rows} == {SMALL, LONGER}


def test_a_published_graph_is_judged_by_the_tolerance_of_the_request(model, store):
    wide = a_request(model(), store, precision="BFloat16", limits=tolerant(0.5))
    run(wide)
    narrow = wide.model_copy(update={"limits": tolerant(1e-7)})
    with pytest.raises(Failure, match="bucket 2x16: output logits is off by") as caught:
        run(narrow)
    assert caught.value.reason.name == "ToleranceMissed"
    report, told = run(wide)
    assert (report.cached, told.traced()) == (1, [])


def test_a_graph_that_misses_the_tolerance_is_not_published(model, store):
    request = a_request(model(), store, precision="BFloat16", limits=tolerant(1e-7))
    with pytest.raises(Failure, match="is off by"):
        run(request)
    assert Store(request.store_url).fingerprints() == []


def test_a_published_graph_that_lacks_a_blob_is_traced_anew(model, store):
    request = a_request(model(), store)
    first, _ = run(request)
    graph = Store(request.store_url).graph_by_digest(first.rows[0].digest)
    (store / "blobs" / "sha256" / graph.golden.blob.digest).unlink()
    second, told = run(request)
    assert told.said == [f"2x16: its graph lacks blob {graph.golden.blob.digest}: traced anew"]
    assert (second.cached, second.rows, told.traced()) == (0, first.rows, ["2x16"])
    assert Store(request.store_url).lacking(graph) == []


def test_shares_of_a_job_are_all_the_buckets_and_agree_on_what_they_share(model, store):
    buckets = (SMALL, LARGE, LONGER)
    request = a_request(model(), store, "TextClassification", *buckets, parallelism=2)
    reports = [run(request, share)[0] for share in (0, 1)]
    found = [[row.bucket for row in report.rows] for report in reports]
    assert sorted(map(len, found)) == [1, 2]
    assert {bucket for share in found for bucket in share} == set(buckets)
    for fact in ("revision", "files", "parameters"):
        assert getattr(reports[0], fact) == getattr(reports[1], fact)


def test_bfloat16_halves_the_weights_and_answers_in_float32(model, store):
    whole, half = (
        a_request(model(), store, precision=precision) for precision in ("Float32", "BFloat16")
    )
    with Artifact(whole, run(whole)[0].rows[0]) as one, Artifact(half, run(half)[0].rows[0]) as two:
        assert {tensor.dtype for tensor in two.weights.values()} == {torch.bfloat16}
        size = one.module.weights.size - two.module.weights.size
        assert size == pytest.approx(2 * one.graph.parameters, abs=64)
        assert 0 < two.graph.proof.worst_error() < 0.02
        answers = two.runner()(two.recording().batches[0])
        assert {answer.dtype.name for answer in answers} == {"float32"}


def test_bfloat16_misses_the_tolerance_of_float32(model, store):
    strict = a_request(model(), store).limits
    with pytest.raises(Failure, match=r"is off by .* allowed are") as caught:
        run(a_request(model(), store, precision="BFloat16", limits=strict))
    assert caught.value.reason.name == "ToleranceMissed"


@pytest.mark.parametrize("name", ["classifier.weight", "bert.embeddings.word_embeddings.weight"])
def test_a_weight_that_is_nan_is_not_finite(name, copied, store):
    folder = copied()
    path = folder / "model.safetensors"
    weights = load_file(path)
    weights[name][:] = float("nan")
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(Failure, match="output logits has NaN or infinity") as caught:
        run(a_request(folder, store))
    assert caught.value.reason.name == "NotFinite"


def test_what_was_published_before_a_failure_is_in_the_report(model, store, monkeypatch):
    from tracedmodel_exporter.tracing import Tracer  # noqa: PLC0415  # imports torch

    export = Tracer.export

    def second_fails(self, bucket, origin, scratch):
        if bucket == LARGE:
            raise Failure("TraceFailed", "as the test wants it")
        return export(self, bucket, origin, scratch)

    monkeypatch.setattr(Tracer, "export", second_fails)
    from exports import Told  # noqa: PLC0415  # beside its use

    job = Export(a_request(model(), store, "TextClassification", SMALL, LARGE), None, Told())
    with pytest.raises(Failure) as caught:
        job.run()
    report = job.report(caught.value)
    assert [row.bucket for row in report.rows] == [SMALL]
    assert (report.reason, report.message) == ("TraceFailed", "as the test wants it")


def test_a_bucket_longer_than_the_models_positions_is_refused_before_any_is_traced(model, store):
    buckets = (SMALL, Bucket(1, 127))
    with pytest.raises(Failure, match="bucket 1x127: the model has positions for 126") as caught:
        run(a_request(model("roberta"), store, "TextClassification", *buckets))
    assert caught.value.reason.name == "SequenceTooLong"
    assert not (store / "graphs").exists()


@pytest.mark.parametrize(
    ("family", "longest"), [("roberta", 126), ("bert", 128), ("distilbert", 128)]
)
def test_the_longest_text_that_a_model_has_positions_for_is_exported(family, longest, model, store):
    report, _ = run(a_request(model(family), store, "TextClassification", Bucket(1, longest)))
    assert report.rows[0].error <= 1e-5


def test_a_bucket_too_short_for_any_text_is_refused(model, store):
    with pytest.raises(Failure, match="bucket 1x4: the shortest text takes 5 tokens") as caught:
        run(a_request(model("bert", "QuestionAnswering"), store, "QuestionAnswering", Bucket(1, 4)))
    assert caught.value.reason.name == "InvalidRequest"


def test_a_model_of_another_kind_does_not_translate(model, store):
    request = a_request(model(), store).model_copy(update={"task": Task.TRANSLATION})
    with pytest.raises(Failure, match=r"is for Marian models .* not for 'bert'") as caught:
        run(request)
    assert caught.value.reason.name == "UnsupportedTask"


def test_a_target_without_a_backend_is_refused(model, store):
    request = a_request(model(), store, target=Target.INF1)
    with pytest.raises(Failure, match="target Inf1") as caught:
        run(request)
    assert caught.value.reason.name == "BackendUnavailable"


def test_nothing_of_an_export_stays_in_the_temporary_folder(model, store, tmp_path, monkeypatch):
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    run(a_request(model(), store))
    assert list(scratch.iterdir()) == []


def test_a_published_graph_without_a_proof_is_taken_as_it_is(model, store):
    """What is traced for an accelerator is proved by the server, on the device."""
    request = a_request(model(), store)
    report, _ = run(request)
    shelf = Store(request.store_url)
    graph = shelf.graph_by_digest(report.rows[0].digest).model_copy(update={"proof": None})
    (store / "graphs" / f"{graph.fingerprint}.json").unlink()
    shelf.publish(graph)
    report, told = run(request)
    assert told.traced() == []
    assert (report.rows[0].error, report.rows[0].agreement) == (None, None)


def breaking(monkeypatch, store, times):
    """Let a clean-up take the golden data of all graphs just before they are settled, some times."""
    settle, left = pipeline.settle, iter(range(times))

    def broken(shelf, graphs):
        for graph in list(graphs) if next(left, None) is not None else ():
            (store / "blobs" / "sha256" / graph.golden.blob.digest).unlink()
        return settle(shelf, graphs)

    monkeypatch.setattr(pipeline, "settle", broken)


@pytest.mark.parametrize("published", [False, True])
def test_a_graph_that_a_clean_up_broke_meanwhile_is_traced_anew(
    model, store, monkeypatch, published
):
    request = a_request(model(), store)
    if published:
        run(request)
    breaking(monkeypatch, store, 1)
    report, told = run(request)
    assert told.said[-1] == "2x16: a clean-up removed a part of its graph: traced anew"
    assert (report.cached, told.traced()) == (0, ["2x16"] * (1 if published else 2))
    shelf = Store(request.store_url)
    assert shelf.lacking(shelf.graph_by_digest(report.rows[0].digest)) == []


def test_graphs_that_are_broken_again_and_again_are_not_reported(model, store, monkeypatch):
    breaking(monkeypatch, store, 9)
    with pytest.raises(Failure, match="is removed again and again: 2x16 for one") as caught:
        run(a_request(model(), store))
    assert caught.value.reason.name == "StoreBusy"


def test_what_is_reported_is_pinned(model, store):
    report, _ = run(a_request(model(), store, "TextClassification", SMALL, LARGE))
    (path,) = (store / "pins").iterdir()
    assert json.loads(path.read_text())["pins"] == sorted(row.digest for row in report.rows)
