"""What an export leaves for Prometheus: the page's metrics, and figures that are the export's own."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

import metrics_page
from exports import LARGE, SMALL, Told, a_request
from tracedmodel_api import cli
from tracedmodel_api.report import REASONS, Failure, Report
from tracedmodel_api.request import METRICS_VARIABLE, REQUEST_VARIABLE
from tracedmodel_exporter.metrics import Run, registry_of, write
from tracedmodel_exporter.pipeline import Export
from tracedmodel_exporter.progress import STEPS, Timed, progress_for

PART = metrics_page.part("Of an export")


@pytest.fixture
def exported(model, store, monkeypatch, tmp_path):
    """Return a function that exports buckets and reads the metrics back: values by name and labels."""
    monkeypatch.setattr("tracedmodel_exporter.recipes._MEASURING_SECONDS", 0)

    def run(*buckets):
        request = a_request(model(), store, "TextClassification", *buckets, benchmark=True)
        with (tmp_path / "log").open("w") as log:
            progress = Timed(progress_for(log))
            export = Export(request, None, progress)
            report = export.run()
        path = tmp_path / "metrics" / "export.prom"
        path.parent.mkdir(exist_ok=True)
        write(path, Run(export, report, progress.elapsed(), progress.seconds))
        assert list(path.parent.iterdir()) == [path]
        return export, report, path.read_text(encoding="utf-8")

    return run


def values(text):
    """Return the values in a file by name and labels in one, the model aside."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            assert sample.labels.pop("model") == "tiny"
            labels = [value for value in sample.labels.values() if value]
            found[" ".join([sample.name.removeprefix("tracedmodel_export_"), *labels])] = (
                sample.value
            )
    return found


@pytest.mark.transformers
def test_the_page_and_an_export_name_the_same_metrics_with_the_same_types_and_labels(exported):
    export, report, _ = exported(SMALL)
    registry = registry_of(Run(export, report, 1.0, {("2x16", "trace"): 0.5}))
    assert metrics_page.rows(PART) == metrics_page.families(registry)


def test_every_metric_of_a_question_is_there():
    asked = metrics_page.asked(PART, "Questions about exports")
    assert asked <= set(metrics_page.rows(PART))
    assert len(asked) > 4


@pytest.mark.transformers
def test_an_export_tells_what_each_graph_is_and_where_time_went(exported):
    exported(SMALL)
    export, report, text = exported(SMALL, LARGE)
    found = values(text)
    rows = {str(row.bucket): row for row in report.rows}
    assert {bucket: found[f"cached {bucket}"] for bucket in rows} == {"2x16": 1, "4x48": 0}
    for bucket, row in rows.items():
        assert found[f"graph_bytes {bucket}"] == row.size
        assert found[f"golden_error {bucket}"] == row.error
        assert found[f"latency_seconds {bucket} 0.99"] == row.p99 / 1e6
        assert found[f"eager_latency_seconds {bucket}"] == row.eager_p50 / 1e6
    steps = {key: value for key, value in found.items() if key.startswith("step_seconds ")}
    once = ("resolve", "lookup", "import", "fetch", "load", *(f"4x48 {step}" for step in STEPS))
    assert set(steps) == {f"step_seconds {step}" for step in once}
    assert 0 < sum(steps.values()) <= found["seconds"]
    assert found["result Succeeded"] == 1
    assert found["parameters"] == report.parameters
    # The new graph, its golden data and its manifest: the weights were there.
    graph = export.published[LARGE]
    assert found["stored_bytes"] == rows["4x48"].size + len(graph.to_bytes())
    assert found["peak_memory_bytes"] > 10 * 2**20


def test_an_export_that_failed_says_why_and_leaves_out_what_it_did_not_come_to(tmp_path, store):
    export = Export(a_request(tmp_path, store), None, Told())
    report = export.report(Failure("StoreUnreachable", "not there"))
    write(tmp_path / "m.prom", Run(export, report, 2.5, {("source", "resolve"): 2.0}))
    found = values((tmp_path / "m.prom").read_text(encoding="utf-8"))
    assert found["result StoreUnreachable"] == 1
    assert found["seconds"] == 2.5
    assert found["step_seconds resolve"] == 2
    assert {key.partition(" ")[0] for key in found} == {
        "result", "info", "end_timestamp_seconds", "seconds", "step_seconds", "peak_memory_bytes", "stored_bytes",
    }  # fmt: skip


def test_a_run_that_never_knew_what_was_asked_has_no_model(tmp_path):
    path = tmp_path / "m.prom"
    write(path, Run(None, Report(reason="InvalidRequest"), 0.1, {}))
    line = 'tracedmodel_export_result{model="",reason="InvalidRequest"} 1.0'
    assert line in path.read_text(encoding="utf-8").splitlines()


def export(*arguments):
    return cli.main(["export", *map(str, arguments)])


@pytest.mark.transformers
def test_metrics_go_where_they_are_asked_for(model, store, asked, tmp_path, monkeypatch):
    asked(a_request(model(), store))
    assert export("--metrics-file", tmp_path / "first.prom") == 0
    monkeypatch.setenv(METRICS_VARIABLE, str(tmp_path / "second.prom"))
    assert export() == 0
    for name, cached in (("first", 0), ("second", 1)):
        line = f'tracedmodel_export_cached{{bucket="2x16",model="tiny"}} {cached}.0'
        assert line in (tmp_path / f"{name}.prom").read_text().splitlines()


def test_an_export_that_fails_leaves_its_metrics_too(tmp_path, monkeypatch):
    monkeypatch.setenv(REQUEST_VARIABLE, "{")
    assert export("--metrics-file", tmp_path / "m.prom") == REASONS["InvalidRequest"].exit_code
    assert 'reason="InvalidRequest"' in (tmp_path / "m.prom").read_text()


@pytest.mark.transformers
def test_metrics_that_cannot_be_written_spoil_no_export(model, store, asked, tmp_path, capsys):
    asked(a_request(model(), store))
    assert export("--metrics-file", tmp_path / "nowhere" / "m.prom") == 0
    assert "the metrics cannot be written: " in capsys.readouterr().err
