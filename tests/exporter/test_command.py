"""``tracedmodel export`` as a Job runs it, and as a person does."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from exports import SMALL, a_request
from tracedmodel_api import cli
from tracedmodel_api.report import MAX_BYTES, REASONS, Failure, Report
from tracedmodel_api.request import (
    REPORT_VARIABLE,
    REQUEST_VARIABLE,
    SHARE_VARIABLE,
)
from tracedmodel_api.store import Store
from tracedmodel_exporter.pipeline import Export

MANIFEST = """
apiVersion: tracedmodel.dev/v1alpha1
kind: TracedModel
metadata: {{name: tiny}}
spec:
  model: {{source: "file://{source}", task: TextClassification}}
  target: CPU
  export:
    buckets: [{{batchSize: 2, sequenceLength: 16}}, {{batchSize: 1, sequenceLength: 24}}]
{store}
"""


@pytest.fixture
def report_path(tmp_path, monkeypatch):
    path = tmp_path / "termination-log"
    monkeypatch.setenv(REPORT_VARIABLE, str(path))
    return path


def export(*arguments):
    return cli.main(["export", *map(str, arguments)])


def left(path):
    data = path.read_bytes()
    assert len(data) <= MAX_BYTES
    report = Report.parse(data)
    assert report is not None
    return report


@pytest.mark.transformers
def test_a_request_of_the_environment_is_exported_and_reported(
    model, store, asked, report_path, capsys
):
    asked(a_request(model(), store))
    assert export() == 0
    report = left(report_path)
    assert [row.bucket for row in report.rows] == [SMALL]
    assert report.reason is None
    captured = capsys.readouterr()
    assert captured.out.startswith(f"2x16  {report.rows[0].digest[:12]}  error ")
    assert "2x16: trace " in captured.err


@pytest.mark.transformers
def test_a_pod_of_an_indexed_job_exports_its_share(model, store, asked, report_path, monkeypatch):
    buckets = (SMALL, type(SMALL)(1, 24))
    asked(a_request(model(), store, "TextClassification", *buckets, parallelism=2))
    monkeypatch.setenv(SHARE_VARIABLE, "1")
    assert export() == 0
    assert [row.bucket for row in left(report_path).rows] == [buckets[1]]


@pytest.mark.transformers
def test_a_manifest_is_exported_by_hand_with_times(model, store, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("tracedmodel_exporter.recipes._MEASURING_SECONDS", 0)
    manifest = tmp_path / "tiny.yaml"
    manifest.write_text(
        MANIFEST.format(source=model(), store=f'  store: {{url: "file://{store}"}}')
    )
    assert export(manifest) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sorted(line.split()[0] for line in lines) == ["1x24", "2x16"]
    assert all(line.endswith(" ms") for line in lines)


@pytest.mark.transformers
def test_a_store_of_the_command_line_stands_in_for_the_manifests(model, store, tmp_path, capsys):
    manifest = tmp_path / "tiny.yaml"
    manifest.write_text(MANIFEST.format(source=model(), store=""))
    assert export(manifest, "--store", f"file://{store}", "--no-benchmark") == 0
    assert len(list((store / "graphs").iterdir())) == 2
    assert " ms" not in capsys.readouterr().out


@pytest.mark.transformers
def test_an_index_for_a_server_is_written_where_it_is_asked_for(model, store, tmp_path):
    manifest = tmp_path / "tiny.yaml"
    manifest.write_text(
        MANIFEST.format(source=model(), store=f'  store: {{url: "file://{store}"}}')
    )
    assert export(manifest, "--no-benchmark", "--index", tmp_path / "index.json") == 0
    found = Store(f"file://{store}").index((tmp_path / "index.json").read_bytes())
    assert len(found.graphs) == 2
    assert (found.limits.absolute, set(found.files)) == (1e-4, {"model.json", "tokenizer.json"})


@pytest.mark.transformers
def test_a_report_has_the_times_of_the_steps(model, store, asked, report_path):
    asked(a_request(model(), store))
    assert export() == 0
    assert {"resolve", "import", "trace", "publish"} < set(dict(left(report_path).milliseconds))
    assert export() == 0
    assert set(dict(left(report_path).milliseconds)) == {"resolve", "lookup"}


def test_a_manifest_without_a_store_says_how_to_name_one(tmp_path, capsys):
    manifest = tmp_path / "tiny.yaml"
    manifest.write_text(MANIFEST.format(source="/model", store=""))
    assert export(manifest) == REASONS["InvalidRequest"].exit_code
    assert "names no spec.store.url: give --store URL" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "cannot be read: "),
        (b"\xff\xfe", "cannot be read: "),
        (b"a: [", "line 1"),
        (b"", "write a mapping"),
        (b"kind: Other", "apiVersion"),
    ],
)
def test_a_manifest_that_is_none_is_an_invalid_request(content, sentence, tmp_path, capsys):
    manifest = tmp_path / "tiny.yaml"
    if content is not None:
        manifest.write_bytes(content)
    assert export(manifest) == REASONS["InvalidRequest"].exit_code
    error = capsys.readouterr().err
    assert str(manifest) in error
    assert sentence in error


@pytest.mark.parametrize(
    ("request_text", "sentence"),
    [
        ("{", "$TRACEDMODEL_REQUEST at all of it: "),
        ('{"buckets": []}', "$TRACEDMODEL_REQUEST at name: "),
    ],
)
def test_a_request_that_is_none_is_refused_and_reported(
    request_text, sentence, monkeypatch, report_path
):
    monkeypatch.setenv(REQUEST_VARIABLE, request_text)
    assert export() == REASONS["InvalidRequest"].exit_code
    report = left(report_path)
    assert report.reason == "InvalidRequest"
    assert report.message.startswith(sentence)


def test_without_a_manifest_and_a_request_there_is_nothing_to_export(monkeypatch, capsys):
    monkeypatch.delenv(REQUEST_VARIABLE, raising=False)
    assert export() == REASONS["InvalidRequest"].exit_code
    assert "neither a manifest nor $TRACEDMODEL_REQUEST is given" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Failure("ToleranceMissed", "off by a mile " * 400), "ToleranceMissed"),
        (OSError(28, os.strerror(28)), "OutOfSpace"),
        (KeyboardInterrupt(), "Interrupted"),
        (ZeroDivisionError("division by zero"), "InternalError"),
        (MemoryError(), "InternalError"),
    ],
)
def test_every_end_has_an_exit_code_and_a_report(
    *, error, reason, store, asked, report_path, monkeypatch, tmp_path
):
    def fail(_self):
        raise error

    monkeypatch.setattr(Export, "run", fail)
    asked(a_request(tmp_path, store))
    assert export() == REASONS[reason].exit_code
    assert left(report_path).reason == reason


def test_a_store_that_is_no_folder_is_unreachable(asked, report_path, tmp_path):
    (tmp_path / "file").write_text("in the way")
    asked(a_request(tmp_path, tmp_path / "file" / "store"))
    assert export() == REASONS["StoreUnreachable"].exit_code
    assert left(report_path).reason == "StoreUnreachable"


@pytest.mark.transformers
def test_a_disk_that_fills_while_weights_are_written_is_out_of_space(
    model, store, asked, report_path, monkeypatch
):
    from safetensors import SafetensorError  # noqa: PLC0415  # imports torch

    def full(*_arguments, **_options):
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("tracedmodel_runtime.torchscript.save_file", full)
    asked(a_request(model(), store))
    assert export() == REASONS["OutOfSpace"].exit_code
    assert left(report_path).reason == "OutOfSpace"


INTERRUPTED = """
import os, signal, sys
from tracedmodel_exporter import recipes
def stop(*_arguments):
    os.kill(os.getpid(), signal.SIGTERM)
    while True:
        signal.pause()
recipes.golden_batches = stop
from tracedmodel_api.cli import main
sys.exit(main(["export"]))
"""


@pytest.mark.transformers
def test_sigterm_ends_an_export_as_interrupted_with_a_report(model, store, asked, report_path):
    asked(a_request(model(), store))
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, check=False
    )
    assert done.returncode == REASONS["Interrupted"].exit_code
    report = left(report_path)
    assert report.reason == "Interrupted"
    assert len(report.revision) == 64
