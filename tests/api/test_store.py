import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import obstore
import pytest

from builders import a_blob, a_graph, a_published_graph, an_index, bytes_of
from tracedmodel_api.canonical import canonical_json
from tracedmodel_api.manifest import FORMAT_VERSION
from tracedmodel_api.report import Failure
from tracedmodel_api.store import Store, blob_of

HELLO = b"hello"
PATH = f"blobs/sha256/{a_blob(HELLO).digest}"


def overwrite(store, path, data):
    store.objects.write(path, data)


def remove(store, path):
    obstore.delete(store.objects._backing, path)


def failure_of(action, *arguments):
    with pytest.raises(Failure) as caught:
        action(*arguments)
    return caught.value.reason.name, str(caught.value)


def manifest_path(graph):
    return f"graphs/{graph.fingerprint}.json"


def test_bytes_come_back_by_their_digest(store, tmp_path):
    blob = store.put(HELLO)
    assert blob == a_blob(HELLO)
    assert store.has(blob)
    assert store.read(blob.digest) == HELLO
    store.check(blob)
    path = store.fetch(blob, tmp_path)
    assert path == tmp_path / blob.digest
    assert path.read_bytes() == HELLO


def test_no_bytes_are_bytes_too(store, tmp_path):
    blob = store.put(b"")
    assert (store.has(blob), store.read(blob.digest)) == (True, b"")
    assert store.fetch(blob, tmp_path).read_bytes() == b""


def test_a_large_file_goes_in_parts_and_comes_back_whole(store, tmp_path):
    path = tmp_path / "weights"
    path.write_bytes(os.urandom(20 * 2**20 + 1))
    blob = store.put_file(path)
    assert blob == blob_of(path)
    assert blob.size == 20 * 2**20 + 1
    folder = tmp_path / "fetched"
    folder.mkdir()
    assert store.fetch(blob, folder).read_bytes() == path.read_bytes()
    assert [entry.name for entry in folder.iterdir()] == [blob.digest]


def test_what_is_there_is_not_written_again(store, tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(HELLO)
    store.put(HELLO)
    monkeypatch.setattr(store.objects, "write", None)
    assert store.put(HELLO) == store.put_file(path) == a_blob(HELLO)


def test_what_was_fetched_is_not_fetched_again(store, tmp_path, monkeypatch):
    blob = store.put(HELLO)
    path = store.fetch(blob, tmp_path)
    monkeypatch.setattr(store, "objects", None)
    assert store.fetch(blob, tmp_path) == path


def test_a_missing_blob_is_told_by_its_digest(store, tmp_path):
    blob = a_blob(HELLO)
    assert not store.has(blob)
    for action, argument in ((store.read, blob.digest), (store.check, blob)):
        reason, message = failure_of(action, argument)
        assert reason == "BlobMissing"
        assert blob.digest in message
    assert failure_of(store.fetch, blob, tmp_path)[0] == "BlobMissing"


@pytest.mark.parametrize("data", [b"hallo", b"hell", b"", b"hello again"])
def test_altered_bytes_never_reach_a_reader(store, tmp_path, data):
    blob = store.put(HELLO)
    overwrite(store, PATH, data)
    folder = tmp_path / "fetched"
    folder.mkdir()
    reason, message = failure_of(store.read, blob.digest)
    assert reason == "BlobCorrupt"
    assert PATH in message
    assert failure_of(store.check, blob)[0] == "BlobCorrupt"
    assert failure_of(store.fetch, blob, folder)[0] == "BlobCorrupt"
    assert list(folder.iterdir()) == []


def test_a_truncated_blob_is_not_there_and_is_written_anew(store):
    blob = store.put(HELLO)
    overwrite(store, PATH, b"hell")
    assert not store.has(blob)
    store.put(HELLO)
    assert store.read(blob.digest) == HELLO


def test_a_published_graph_is_found_by_fingerprint_and_by_digest(store):
    graph = a_published_graph(store)
    assert store.graph(graph.fingerprint) == graph
    assert store.graph_by_digest(graph.identity()) == graph
    assert store.fingerprints() == [graph.fingerprint]
    assert all(store.has(blob) for blob in graph.blobs())


def test_an_empty_store_has_no_graphs(store):
    assert store.fingerprints() == []
    assert store.graph(a_graph().fingerprint) is None
    assert failure_of(store.graph_by_digest, "0" * 64)[0] == "BlobMissing"


def test_lists_graphs_in_order_and_nothing_else(store):
    graphs = [a_published_graph(store, name) for name in "abc"]
    overwrite(store, "graphs/README", b"notes")
    overwrite(store, f"graphs/{'a' * 64}.json.bak", b"old")
    assert store.fingerprints() == sorted(graph.fingerprint for graph in graphs)


def test_the_loser_of_a_race_is_given_the_winners_graph(store):
    winner = a_published_graph(store, created="2024-01-01T00:00:00Z")
    loser = a_graph(created="2025-01-01T00:00:00Z")
    assert store.publish(loser) == winner
    assert store.graph(loser.fingerprint) == winner


def test_writers_that_publish_at_once_agree(store_url):
    names = [f"writer {number}" for number in range(6)]
    barrier = threading.Barrier(len(names))

    def publish(name):
        store = Store(store_url)
        barrier.wait()
        return a_published_graph(store, createdBy=name)

    with ThreadPoolExecutor(len(names)) as pool:
        found = {graph.created_by for graph in pool.map(publish, names)}
    assert len(found) == 1
    assert Store(store_url).graph(a_graph().fingerprint).created_by in found


def test_a_winner_that_was_removed_meanwhile_leaves_ours(store, monkeypatch):
    a_published_graph(store)
    monkeypatch.setattr(store, "graph", lambda _: None)
    ours = a_graph(createdBy="ours")
    assert store.publish(ours) == ours


def test_a_newer_format_is_named(store):
    graph = a_graph()
    newer = {**graph.as_json(), "formatVersion": FORMAT_VERSION + 1, "surprise": 1}
    overwrite(store, manifest_path(graph), canonical_json(newer))
    reason, message = failure_of(store.graph, graph.fingerprint)
    assert reason == "FormatUnsupported"
    assert f"has format {FORMAT_VERSION + 1}; this version reads {FORMAT_VERSION}" in message
    assert failure_of(store.publish, graph)[0] == "FormatUnsupported"


@pytest.mark.parametrize(
    "data", [b"", b"\xff\x00", b"[]", b"5", b"null", b"{}", b'{"formatVersion": 1', b"[" * 5000]
)
def test_garbage_is_no_manifest(store, data):
    graph = a_graph()
    overwrite(store, manifest_path(graph), data)
    reason, message = failure_of(store.graph, graph.fingerprint)
    assert reason == "ManifestInvalid"
    assert "is not a manifest" in message


def test_a_damaged_manifest_is_told_by_the_place(store):
    graph = a_graph()
    document = graph.as_json()
    document["modules"][0]["graph"]["digest"] = "short"
    overwrite(store, manifest_path(graph), json.dumps(document).encode())
    reason, message = failure_of(store.graph, graph.fingerprint)
    assert reason == "ManifestInvalid"
    assert "is damaged at modules.0.graph.digest" in message


def test_a_manifest_under_another_name_is_refused(store):
    graph, other = a_graph("one"), a_graph("two")
    overwrite(store, manifest_path(graph), other.to_bytes())
    reason, message = failure_of(store.graph, graph.fingerprint)
    assert reason == "ManifestInvalid"
    assert f"is the manifest of {other.fingerprint}" in message


def test_nothing_of_a_graph_is_seen_before_its_manifest(store):
    for data in bytes_of(a_graph()):
        store.put(data)
    assert store.fingerprints() == []


def test_reads_an_index(store):
    assert store.index(an_index().to_bytes()) == an_index()
    reason, message = failure_of(store.index, b"[]")
    assert (reason, message) == ("ManifestInvalid", "the artifact's index is not a manifest")
