import io

import pytest
import yaml

from manifest_base import manifest
from tracedmodel_api.cli import main
from tracedmodel_api.report import REASONS

INVALID = REASONS["InvalidRequest"].exit_code


@pytest.fixture
def judge(tmp_path, monkeypatch, capsys):
    """Return a function that validates documents, or text, as one file: the exit code, output and errors."""

    def validate(*documents):
        monkeypatch.chdir(tmp_path)
        texts = [text if isinstance(text, str) else yaml.safe_dump(text) for text in documents]
        (tmp_path / "model.yaml").write_text("\n---\n".join(texts), encoding="utf-8")
        code = main(["validate", "model.yaml"])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return validate


def test_a_good_manifest_is_valid(judge):
    assert judge(manifest()) == (0, "model.yaml: TracedModel minilm is valid\n", "")


def test_a_bad_manifest_is_told_by_its_name(judge):
    code, output, errors = judge(manifest({"spec.target": "GPU"}))
    assert (code, output) == (INVALID, "")
    assert errors == 'model.yaml: minilm: spec.target: given "GPU"; write one of CPU, Inf1\n'


def test_every_broken_rule_is_told_at_once(judge):
    code, _, errors = judge(
        manifest({"spec.serving.neuronCores": 1, "spec.export.compiler": {"pipelineCores": 2}})
    )
    assert code == INVALID
    rules = (
        "spec.export.compiler: only target Inf1 has a compiler: leave export.compiler out",
        "spec.serving.neuronCores: given 1; only target Inf1 has NeuronCores: leave serving.neuronCores out",
        "spec.export.compiler.pipelineCores: given 2; a pipeline may not have more cores than a replica",
    )
    starts = [f"model.yaml: minilm: {rule}" for rule in rules]
    lines = errors.splitlines()
    assert [line[: len(start)] for line, start in zip(lines, starts, strict=True)] == starts


def test_every_document_is_judged(judge):
    code, output, errors = judge(
        manifest(), manifest({"metadata.name": "other", "spec.suspend": 1}), manifest()
    )
    assert code == INVALID
    assert output.count("is valid") == 2
    assert errors == "model.yaml: other: spec.suspend: given 1; write true or false\n"


def test_other_kinds_are_left_alone(judge):
    other = {"apiVersion": "v1", "kind": "Secret", "data": 5}
    assert judge(other, manifest(), other)[0] == 0


@pytest.mark.parametrize("text", ["", "# nothing\n", "kind: Secret\n"])
def test_a_file_without_a_resource_is_refused(judge, text):
    assert judge(text) == (INVALID, "", "model.yaml: no TracedModel in it\n")


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ("- a\n", "manifest: given a list of 1; write a mapping"),
        ("a: 1\n", "apiVersion: missing; write tracedmodel.dev/v1alpha1"),
        ("metadata: {name: 5}\n", "apiVersion: missing; write tracedmodel.dev/v1alpha1"),
        ("metadata: {name: a}\n", "a: apiVersion: missing; write tracedmodel.dev/v1alpha1"),
    ],
)
def test_a_document_without_kind_is_taken_for_a_resource(judge, document, sentence):
    assert judge(document) == (INVALID, "", f"model.yaml: {sentence}\n")


def test_a_syntax_error_is_told_by_its_line_and_what_came_before_is_judged(judge):
    code, output, errors = judge(manifest(), "a: [\n")
    assert (code, output) == (INVALID, "model.yaml: TracedModel minilm is valid\n")
    assert errors.startswith("model.yaml: line ")


def test_reads_standard_input(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO(yaml.safe_dump(manifest())))
    assert main(["validate", "-"]) == 0
    assert capsys.readouterr().out == "-: TracedModel minilm is valid\n"


def test_a_file_that_is_not_there_does_not_hide_the_others(tmp_path, capsys):
    good = tmp_path / "good.yaml"
    good.write_text(yaml.safe_dump(manifest()), encoding="utf-8")
    missing = tmp_path / "missing.yaml"
    assert main(["validate", str(missing), str(good)]) == INVALID
    captured = capsys.readouterr()
    assert captured.err.startswith(f"{missing}: cannot be read: ")
    assert "is valid" in captured.out


def test_a_file_that_is_no_text_cannot_be_read(tmp_path, capsys):
    path = tmp_path / "model.bin"
    path.write_bytes(b"\xff\xfe\x00")
    assert main(["validate", str(path)]) == INVALID
    assert "cannot be read" in capsys.readouterr().err


def test_needs_a_file(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["validate"])
    assert caught.value.code == 2
    assert "FILE" in capsys.readouterr().err
