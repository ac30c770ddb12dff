import io
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from tracedmodel_api.buckets import Bucket
from tracedmodel_api.cli import main
from tracedmodel_api.enums import Task
from tracedmodel_api.manifest import ModelCard
from tracedmodel_api.report import Failure
from tracedmodel_operator import tables
from tracedmodel_operator.endpoint import served
from tracedmodel_operator.run import read

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def manifest(tmp_path):
    """The example's manifest, changed by a function."""

    def write(change=lambda _: None) -> Path:
        document = yaml.safe_load((EXAMPLES / "minilm.yaml").read_text())
        change(document)
        file = tmp_path / "model.yaml"
        file.write_text(yaml.safe_dump(document))
        return file

    return write


def test_takes_the_model_from_a_folder_in_place_of_its_source(manifest, tmp_path):
    resource = read(manifest(), tmp_path)
    assert resource.spec.model.source == tmp_path.as_uri()
    assert resource.spec.model.revision is None


def test_keeps_artifacts_in_the_users_cache_where_no_store_is_named(manifest, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert read(manifest()).spec.store.url == "file:///somewhere/tracedmodel/store"


def test_keeps_to_the_store_of_the_manifest_unless_told_otherwise(manifest):
    file = manifest(lambda d: d["spec"].update(store={"url": "s3://models/traced"}))
    assert read(file).spec.store.url == "s3://models/traced"
    assert read(file, store="file:///here").spec.store.url == "file:///here"


def test_one_machine_runs_one_replica(manifest):
    file = manifest(
        lambda d: d["spec"].update(serving={"replicas": 7, "autoscaling": {"maxReplicas": 9}})
    )
    serving = read(file).spec.serving
    assert (serving.replicas, serving.autoscaling) == (1, None)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("kind: [", "line 1"),
        ("", "0 are in it"),
        ("a: 1\n---\nb: 2\n", "2 are in it"),
        ("kind: TracedModel", "apiVersion: missing; write tracedmodel.dev/v1alpha1"),
    ],
)
def test_says_what_is_wrong_with_a_file(tmp_path, text, sentence):
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(Failure, match=sentence) as caught:
        read(file)
    assert caught.value.reason.name == "InvalidRequest"


def test_says_that_a_file_is_not_there(tmp_path):
    with pytest.raises(Failure, match="cannot be read"):
        read(tmp_path / "nothing.yaml")


def test_says_that_a_port_is_in_use_before_it_exports_anything(manifest):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with (
            pytest.raises(Failure, match="--port") as caught,
            served(read(manifest()), "127.0.0.1", port, Console(file=io.StringIO())),
        ):
            pass
    assert caught.value.reason.name == "PortInUse"


def test_ends_with_the_exporters_reason_when_the_export_fails(manifest, tmp_path):
    (tmp_path / "empty").mkdir()
    resource = read(manifest(), tmp_path / "empty", f"file://{tmp_path}/store")
    with (
        pytest.raises(Failure, match="there is no model in folder") as caught,
        served(resource, "127.0.0.1", 0, Console(file=io.StringIO()), quiet=True),
    ):
        pass
    assert caught.value.reason.name == "ModelNotFound"


@pytest.mark.parametrize(
    ("task", "shown"),
    [("QuestionAnswering", '"question"'), ("FillMask", "<m>"), ("TextClassification", "surprise")],
)
def test_shows_calls_that_fit_the_task(manifest, task, shown):
    card = ModelCard(
        format_version=1,
        task=Task(task),
        architecture="x",
        inputs=("input_ids",),
        pad_token_id=0,
        pad_type_id=0,
        max_length=9,
        mask_token="<m>",
    )
    predict, metadata, proof = tables.how_to_call(read(manifest()), "http://here", card).split("\n")
    assert predict.startswith("curl -s http://here/v1/models/minilm:predict -d '{")
    assert shown in predict
    assert (metadata, proof) == (
        "curl -s http://here/v2/models/minilm",
        "curl -s http://here/proof",
    )


def test_a_folder_may_have_any_name(manifest, tmp_path):
    folder = tmp_path / "my models #1?"
    resource = read(manifest(), folder, str(tmp_path / "a store"))
    assert resource.spec.model.source == folder.as_uri()
    assert resource.spec.store.url == (tmp_path / "a store").as_uri()


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_a_port_that_is_none_is_a_wrong_call(port, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["run", "x.yaml", "--port", port])
    assert caught.value.code == 2
    assert "write a whole number from 0 to 65535" in capsys.readouterr().err


def test_an_address_that_is_not_of_this_machine_is_told(manifest):
    with (
        pytest.raises(Failure, match="--host"),
        served(read(manifest()), "192.0.2.1", 8080, Console(file=io.StringIO())),
    ):
        pass


def command(*arguments: str, **variables: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "tracedmodel_api", "run", *arguments],
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serves_until_told_to_stop_and_leaves_nothing_running(
    manifest, tiny_model, tmp_path, free_port, number
):
    folder = tiny_model("TextClassification")

    def change(document):
        document["spec"]["model"]["task"] = "TextClassification"
        document["spec"]["export"]["buckets"] = [Bucket(2, 16).as_json()]

    url = f"file://{tmp_path}/store"
    process = command(
        str(manifest(change)), "--model", str(folder), "--store", url, "--port", str(free_port)
    )
    seen = []
    for line in process.stderr:
        seen.append(line)
        if "Ctrl-C" in line:
            break
    body = b'{"instances": ["hello there", "and you?"]}'
    answer = ask(f"http://127.0.0.1:{free_port}/v1/models/minilm:predict", body)
    assert len(answer["predictions"]) == 2
    process.send_signal(number)
    assert process.wait(60) == 0, "".join(seen)
    rest = process.stderr.read()
    process.stdout.close()
    process.stderr.close()
    assert rest == "stopped\n"
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", free_port)) != 0


def ask(url: str, body: bytes) -> dict:
    import json  # noqa: PLC0415
    import urllib.request  # noqa: PLC0415

    with urllib.request.urlopen(urllib.request.Request(url, body), timeout=30) as answer:
        return json.load(answer)


def test_a_second_run_finds_everything_published(manifest, tiny_model, tmp_path, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")

    def change(document):
        document["spec"]["model"]["task"] = "FillMask"
        document["spec"]["export"]["buckets"] = [Bucket(1, 16).as_json()]

    file = manifest(change)
    folder = tiny_model("FillMask")
    digests = []
    for _ in range(2):
        resource = read(file, folder, f"file://{tmp_path}/store")
        with served(resource, "127.0.0.2", 0, Console(file=io.StringIO()), quiet=True) as endpoint:
            digests.append(endpoint.status.artifact.digest)
    assert digests[0] == digests[1]


def test_a_killed_server_ends_the_run_with_a_sentence(manifest, tiny_model, tmp_path):
    def change(document):
        document["spec"]["model"]["task"] = "FillMask"
        document["spec"]["export"]["buckets"] = [Bucket(1, 16).as_json()]

    resource = read(manifest(change), tiny_model("FillMask"), f"file://{tmp_path}/store")
    with served(resource, "127.0.0.1", 0, Console(file=io.StringIO()), quiet=True) as endpoint:
        (server,) = [p for p in endpoint._loop._cluster._processes if p.is_ready()]
        os.kill(server._popen.pid, signal.SIGKILL)
        with pytest.raises(Failure, match="exit code 137: killed by signal 9"):
            endpoint.watch()
