"""Where models come from: a folder, a bucket of S3 over HTTP, and the real Hub library against a Hub on loopback."""

from __future__ import annotations

import os
import socket
import time

import pytest
from huggingface_hub import constants, file_download

from exports import a_request, run
from hub import Hub
from s3_server import make_bucket, use_server
from tracedmodel_api.report import Failure
from tracedmodel_exporter import sources
from tracedmodel_exporter.sources import FolderSource, open_source, wanted_files

FILES = {
    "config.json": b"{}",
    "model.safetensors": b"weights",
    "tokenizer.json": b"{ }",
    "1_Pooling/config.json": b"{  }",
    "README.md": b"#",
    "pytorch_model.bin": b"pickle",
    "onnx/model.safetensors": b"onnx",
    "modeling_wonder.py": b"raise SystemExit",
}
WANTED = ["1_Pooling/config.json", "config.json", "model.safetensors", "tokenizer.json"]


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A Hub that the Hub library asks in place of the real one; its cache is the test's own."""
    with Hub() as hub:
        template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        # 0.x keeps a copy of its own beside its use.
        for module in (constants, file_download):
            monkeypatch.setattr(module, "HUGGINGFACE_CO_URL_TEMPLATE", template, raising=False)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
        monkeypatch.delenv("HF_TOKEN", raising=False)
        monkeypatch.setattr(time, "sleep", lambda _seconds: None)
        yield hub


def fetch(url, scratch, revision="main"):
    source = open_source(url, revision, scratch / "scratch")
    found = source.revision()
    return found, source.folder()


def names_in(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def refusal(url, scratch, revision="main"):
    with pytest.raises(Failure) as caught:
        fetch(url, scratch, revision)
    return caught.value.reason.name, str(caught.value)


def written(folder, files):
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


# The Hub


@pytest.mark.transformers
def test_a_floating_revision_is_resolved_to_the_commit_it_means(hub, tmp_path):
    repository = hub.repository("org/tiny")
    first = repository.commit({**FILES, "config.json": b'{"old": 1}'})
    assert fetch("hf://org/tiny", tmp_path)[0] == first
    second = repository.commit(FILES)
    assert fetch("hf://org/tiny", tmp_path)[0] == second
    assert fetch("hf://org/tiny", tmp_path, first)[0] == first


@pytest.mark.transformers
def test_only_the_wanted_files_are_downloaded_and_those_of_the_commit(hub, tmp_path):
    commit = hub.repository("org/tiny").commit(FILES, "v1")
    _, folder = fetch("hf://org/tiny", tmp_path, "v1")
    assert names_in(folder) == WANTED
    assert sorted(hub.downloads()) == WANTED
    files = [request for request in hub.requests if "/resolve/" in request.path]
    assert {request.path.split("/")[4] for request in files} == {commit}
    assert {request.token for request in hub.requests} == {None}


@pytest.mark.transformers
def test_the_revision_is_known_before_anything_is_downloaded(hub, tmp_path):
    hub.repository("org/tiny").commit(FILES)
    open_source("hf://org/tiny", "main", tmp_path).revision()
    assert hub.downloads() == []


@pytest.mark.transformers
def test_what_is_cached_is_not_downloaded_again(hub, tmp_path):
    hub.repository("org/tiny").commit(FILES)
    fetch("hf://org/tiny", tmp_path)
    hub.requests.clear()
    _, folder = fetch("hf://org/tiny", tmp_path)
    assert names_in(folder) == WANTED
    assert [request for request in hub.requests if "/resolve/" in request.path] == []


@pytest.mark.transformers
def test_a_download_that_broke_off_is_completed_and_never_taken_for_whole(hub, tmp_path):
    hub.repository("org/tiny").commit(FILES)
    hub.faults = {"model.safetensors": "drop"}
    assert refusal("hf://org/tiny", tmp_path)[0] == "SourceUnreachable"
    hub.faults = {}
    _, folder = fetch("hf://org/tiny", tmp_path)
    assert names_in(folder) == WANTED


@pytest.mark.transformers
def test_a_token_of_the_environment_opens_a_private_repository(hub, tmp_path, monkeypatch):
    repository = hub.repository("org/private")
    repository.commit(FILES)
    repository.token = "hf_right"
    reason, message = refusal("hf://org/private", tmp_path)
    assert reason == "ModelNotFound"
    assert "or it is private: correct the name, or set HF_TOKEN" in message
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    assert refusal("hf://org/private", tmp_path) == (
        "ModelAccessDenied",
        "the Hub refuses hf://org/private with status 401: check HF_TOKEN",
    )
    monkeypatch.setenv("HF_TOKEN", "hf_right")
    hub.requests.clear()
    assert names_in(fetch("hf://org/private", tmp_path)[1]) == WANTED
    asked = [request for request in hub.requests if "org/private" in request.path]
    assert {request.token for request in asked} == {"hf_right"}


@pytest.mark.transformers
def test_what_is_not_on_the_hub_is_not_found(hub, tmp_path):
    hub.repository("org/tiny").commit(FILES)
    reason, message = refusal("hf://org/none", tmp_path)
    assert (reason, "there is no hf://org/none" in message) == ("ModelNotFound", True)
    assert refusal("hf://org/tiny", tmp_path, "v9") == (
        "ModelNotFound",
        "hf://org/tiny has no revision v9",
    )
    assert refusal("hf://-/--", tmp_path) == (
        "ModelNotFound",
        "hf://-/-- is no name of a Hub repository",
    )


@pytest.mark.transformers
def test_a_gated_repository_says_what_to_do(hub, tmp_path):
    repository = hub.repository("org/gated")
    repository.commit(FILES)
    repository.gated = True
    reason, message = refusal("hf://org/gated", tmp_path)
    assert reason == "ModelAccessDenied"
    assert "is gated: accept its terms on the Hub and set HF_TOKEN" in message


@pytest.mark.transformers
@pytest.mark.parametrize("where", ["/api/models", "model.safetensors"])
@pytest.mark.parametrize(
    ("fault", "reason", "sentence"),
    [
        (401, "ModelAccessDenied", "the Hub refuses hf://org/tiny with status 401"),
        (403, "ModelAccessDenied", "the Hub refuses hf://org/tiny with status 403"),
        (500, "SourceUnreachable", "the Hub answers 500 for hf://org/tiny"),
        (503, "SourceUnreachable", "the Hub answers 503 for hf://org/tiny"),
        ("drop", "SourceUnreachable", "the Hub does not answer for hf://org/tiny: "),
    ],
)
def test_every_fault_of_the_hub_has_a_reason_and_a_sentence(
    *, where, fault, reason, sentence, hub, tmp_path
):
    hub.repository("org/tiny").commit(FILES)
    hub.faults = {where: fault}
    found, message = refusal("hf://org/tiny", tmp_path)
    assert found == reason
    assert message.startswith(sentence)


@pytest.mark.transformers
def test_a_hub_that_accepts_and_says_nothing_is_given_up(hub, tmp_path, monkeypatch):
    hub.repository("org/tiny").commit(FILES)
    hub.faults = {"/api/models": "hang"}
    monkeypatch.setattr(sources, "_TIMEOUT_SECONDS", 0.2)
    assert refusal("hf://org/tiny", tmp_path)[0] == "SourceUnreachable"


@pytest.mark.transformers
@pytest.mark.usefixtures("hub")
def test_a_hub_that_is_not_there_is_unreachable(tmp_path, monkeypatch, free_port):
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{free_port}")
    reason, message = refusal("hf://org/tiny", tmp_path)
    assert reason == "SourceUnreachable"
    assert "the Hub does not answer for hf://org/tiny: " in message


@pytest.mark.transformers
def test_a_disk_that_fills_while_downloading_is_no_fault_of_the_hub(hub, tmp_path, monkeypatch):
    hub.repository("org/tiny").commit(FILES)

    def full(*_arguments, **_options):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("huggingface_hub.hf_hub_download", full)
    with pytest.raises(OSError, match="No space left on device"):
        fetch("hf://org/tiny", tmp_path)


@pytest.mark.transformers
def test_a_model_of_the_hub_is_exported(hub, model, store):
    folder = model("distilbert")
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    commit = hub.repository("org/tiny").commit(files)
    request = a_request("hf://org/tiny", store, revision="main")
    report, _ = run(request)
    assert report.revision == commit
    hub.requests.clear()
    again, told = run(request)
    assert (again.cached, told.traced(), hub.downloads()) == (1, [], [])


# Folders


def test_a_folders_revision_is_the_digest_of_its_wanted_files(tmp_path):
    folder = written(tmp_path / "a model", FILES)
    url = f"file://{tmp_path}/a%20model"
    found, place = fetch(url, tmp_path)
    assert place == folder
    assert len(found) == 64
    (folder / "README.md").write_text("another")
    assert fetch(url, tmp_path)[0] == found
    (folder / "model.safetensors").write_bytes(b"other weights")
    assert fetch(url, tmp_path)[0] != found


def test_a_claims_folder_is_where_the_job_mounts_it(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "CLAIM_ROOT", tmp_path)
    folder = written(tmp_path / "nested" / "tiny", FILES)
    assert fetch("pvc://claim/nested/tiny", tmp_path)[1] == folder


def test_a_folder_that_cannot_be_read_is_unreachable(tmp_path):
    folder = written(tmp_path / "model", FILES)
    (folder / "tokenizer.json").unlink()
    # Memory of a process is a file that may be opened, and gives an error at its start.
    (folder / "tokenizer.json").symlink_to("/proc/self/mem")
    with pytest.raises(Failure, match="cannot be read: ") as caught:
        FolderSource(folder).revision()
    assert caught.value.reason.name == "SourceUnreachable"


# What makes a model


def test_weights_that_are_only_pickled_are_unsafe():
    with pytest.raises(Failure, match=r"only as a\.ckpt, pytorch_model\.bin, which") as caught:
        wanted_files(["config.json", "pytorch_model.bin", "a.ckpt", "onnx/b.bin"], "here")
    assert caught.value.reason.name == "UnsafeWeights"


def test_weights_in_a_sub_folder_are_not_the_models():
    with pytest.raises(Failure, match="here has no weights") as caught:
        wanted_files(["config.json", "onnx/model.safetensors", "onnx/model.bin"], "here")
    assert caught.value.reason.name == "ModelNotFound"


def test_a_place_without_a_config_is_no_model():
    with pytest.raises(Failure, match=r"here has no config\.json; found a\.txt, b") as caught:
        wanted_files(["b", "a.txt"], "here")
    assert caught.value.reason.name == "ModelNotFound"
    with pytest.raises(Failure, match="found nothing"):
        wanted_files([], "here")


def test_every_file_that_a_tokenizer_may_need_is_wanted():
    names = [
        "config.json",
        "model-00001-of-00002.safetensors",
        "model.safetensors.index.json",
        "vocab.txt",
        "vocab.json",
        "merges.txt",
        "spiece.model",
        "source.spm",
        "special_tokens_map.json",
        "added_tokens.json",
        "tokenizer_config.json",
        "sentence_bert_config.json",
        "2_Dense/model.safetensors",
    ]
    assert wanted_files([*names, "data_config.json", "train.txt"], "here") == sorted(names)


# Buckets of S3


@pytest.fixture
def s3(s3_endpoint, monkeypatch, request):
    """A bucket of the test's own: a function that puts files below a prefix, and gives the URL."""
    from tracedmodel_api.objects import Objects  # noqa: PLC0415  # reads the environment

    use_server(monkeypatch, s3_endpoint)
    bucket = f"models-{abs(hash(request.node.name)) % 10**9}"
    make_bucket(s3_endpoint, bucket)

    def put(files):
        objects = Objects(f"s3://{bucket}/tiny", "SourceUnreachable")
        for name, data in files.items():
            objects.write(name, data)
        return f"s3://{bucket}/tiny"

    return put


def test_only_the_wanted_objects_are_copied(s3, tmp_path):
    url = s3(FILES)
    revision, folder = fetch(url, tmp_path)
    assert names_in(folder) == WANTED
    assert revision == FolderSource(written(tmp_path / "same", FILES)).revision()


@pytest.mark.transformers
def test_a_model_of_a_bucket_is_exported(s3, model, store):
    folder = model("distilbert")
    url = s3({path.name: path.read_bytes() for path in folder.iterdir()})
    report, _ = run(a_request(url, store))
    assert report.rows[0].error <= 1e-5
    assert report.revision == FolderSource(folder).revision()


def test_a_prefix_without_objects_is_not_found(s3, tmp_path):
    url = s3({})
    assert refusal(url, tmp_path) == ("ModelNotFound", f"there is nothing at {url}")


def test_a_bucket_of_pickles_is_unsafe(s3, tmp_path):
    url = s3({"config.json": b"{}", "pytorch_model.bin": b"pickle"})
    assert refusal(url, tmp_path)[0] == "UnsafeWeights"


def test_a_bucket_that_does_not_answer_is_unreachable(tmp_path, monkeypatch):
    monkeypatch.setattr("tracedmodel_api.objects._RETRIES", {"max_retries": 0})
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        use_server(monkeypatch, f"http://127.0.0.1:{probe.getsockname()[1]}")
    reason, message = refusal("s3://models/tiny", tmp_path)
    assert (reason, "s3://models/tiny" in message) == ("SourceUnreachable", True)


def test_a_path_without_a_model_says_what_it_is_instead(tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    for name, sentence in (
        ("nothing", "does not exist"),
        ("file", "is a file: give the folder"),
        ("empty", "it is empty"),
    ):
        with pytest.raises(Failure, match=sentence) as caught:
            open_source((tmp_path / name).as_uri(), "", tmp_path).revision()
        assert caught.value.reason.name == "ModelNotFound"
