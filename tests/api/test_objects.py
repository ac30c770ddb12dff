from datetime import datetime, timedelta, timezone

import pytest

from builders import a_blob, a_graph
from s3_server import make_bucket, use_server
from tracedmodel_api.objects import Objects
from tracedmodel_api.report import Failure
from tracedmodel_api.store import Store

NOBODY = "http://127.0.0.1:1"
"""Nothing listens on the first port."""


def failure_of(action, *arguments, **options):
    with pytest.raises(Failure) as caught:
        action(*arguments, **options)
    return caught.value.reason.name, str(caught.value)


@pytest.fixture
def objects(store_url):
    return Objects(store_url, "SourceUnreachable", create=True)


def test_lists_reads_and_measures_what_was_written(objects, tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"from a file")
    objects.write("b/one", b"1")
    objects.write("a/two", file)
    assert objects.paths() == ["a/two", "b/one"]
    assert objects.paths("a") == ["a/two"]
    assert (objects.read("a/two"), b"".join(objects.stream("b/one"))) == (b"from a file", b"1")
    assert (objects.size("b/one"), objects.size("c")) == (1, None)


def test_creates_once(objects):
    assert objects.create("a", b"first")
    assert not objects.create("a", b"second")
    assert objects.read("a") == b"first"


def test_lists_objects_with_size_time_and_version(objects):
    before = datetime.now(timezone.utc) - timedelta(seconds=2)
    objects.write("a/one", b"1")
    objects.write("b", b"22")
    one, two = objects.entries()
    assert [(entry.path, entry.size) for entry in (one, two)] == [("a/one", 1), ("b", 2)]
    assert before < one.modified <= datetime.now(timezone.utc) + timedelta(seconds=2)
    objects.write("b", b"33")
    assert objects.entries("a") == [one]
    assert objects.entries("b") == []
    assert objects.entries()[1].version not in (None, two.version)


def test_deletes_what_is_there_and_minds_nothing_that_is_not(objects):
    names = [f"a/{number}" for number in range(5)]
    for name in names:
        objects.write(name, b"x")
    objects.delete([names[0], "a/nothing", names[1]])
    objects.delete(["nothing"])
    objects.delete([])
    assert objects.paths() == names[2:]


def test_deletes_more_than_one_request_takes(objects):
    names = [f"a/{number}" for number in range(1100)]
    for name in names:
        objects.write(name, b"")
    objects.delete(names)
    assert objects.paths() == []


def test_a_missing_object_is_a_missing_file(objects):
    with pytest.raises(FileNotFoundError):
        objects.read("nothing")
    with pytest.raises(FileNotFoundError):
        list(objects.stream("nothing"))


@pytest.mark.parametrize(
    "url",
    ["", "models", "/srv/models", "http://a/b", "memory:///", "ftp://a/b", "file://relative/path", "s3://", "s3:models", "hf://a/b"],
)  # fmt: skip
def test_refuses_what_is_no_store(url):
    reason, message = failure_of(Store, url)
    assert reason == "InvalidRequest"
    assert message.startswith(f"{url}: write file:///FOLDER, s3://BUCKET/PREFIX, ")


@pytest.mark.parametrize("below", ["file", "file/folder"])
def test_a_folder_that_cannot_be_made_is_told(tmp_path, below):
    (tmp_path / "file").write_text("not a folder", encoding="utf-8")
    reason, message = failure_of(Store, f"file://{tmp_path}/{below}")
    assert reason == "StoreUnreachable"
    assert str(tmp_path) in message
    assert "\n" not in message


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path):
    store = Store(f"file://{tmp_path}")
    (tmp_path / "blobs").write_text("in the way", encoding="utf-8")
    reason, message = failure_of(store.put, b"x")
    assert reason == "StoreUnreachable"
    assert "\n" not in message


def test_a_folder_to_read_from_is_not_made(tmp_path):
    url = f"file://{tmp_path}/nothing"
    sentence = f"{url}: cannot open it: there is no such folder"
    assert failure_of(Objects, url, "SourceUnreachable") == ("SourceUnreachable", sentence)
    assert failure_of(Store, url, create=False) == ("StoreUnreachable", sentence)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "action",
    [
        lambda store: store.put(b"x"),
        lambda store: store.publish(a_graph()),
        lambda store: store.has(a_blob("x")),
        lambda store: store.read(a_blob("x").digest),
        lambda store: store.graph(a_graph().fingerprint),
        lambda store: store.fingerprints(),
        lambda store: store.objects.delete(["a"]),
    ],
    ids=["put", "publish", "has", "read", "graph", "fingerprints", "delete"],
)
@pytest.mark.timeout(60)
def test_a_store_that_does_not_answer_is_told_in_seconds(monkeypatch, action):
    use_server(monkeypatch, NOBODY)
    reason, message = failure_of(action, Store("s3://models/traced"))
    assert reason == "StoreUnreachable"
    assert message.startswith("s3://models/traced: cannot ")
    assert "\n" not in message


def test_a_bucket_that_is_not_there_is_told(monkeypatch, s3_endpoint, tmp_path):
    use_server(monkeypatch, s3_endpoint)
    store = Store("s3://no-such-bucket/traced")
    file = tmp_path / "file"
    file.write_bytes(bytes(6 * 2**20))
    for action, argument in ((store.put, b"x"), (store.put_file, file), (store.publish, a_graph())):
        reason, message = failure_of(action, argument)
        assert reason == "StoreUnreachable"
        assert message.endswith("there is no such bucket")
    assert failure_of(store.objects.create, "a", b"x")[0] == "StoreUnreachable"
    assert failure_of(store.fingerprints)[0] == "StoreUnreachable"


def test_plain_http_is_only_what_the_environment_names(monkeypatch, s3_endpoint):
    use_server(monkeypatch, s3_endpoint)
    make_bucket(s3_endpoint, "models")
    assert Store("s3://models").fingerprints() == []
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv("AWS_ENDPOINT", s3_endpoint)
    assert failure_of(Store("s3://models").fingerprints)[0] == "StoreUnreachable"


def test_other_clouds_are_opened_too(monkeypatch):
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "a2V5")
    assert Store("az://models/traced").url == "az://models/traced"
    assert Store("gs://models/traced").url == "gs://models/traced"
