"""An artifact out of a store: what does not belong together, or is damaged, is refused by its name."""

import json

import pytest

from tiny_artifacts import export
from tracedmodel_api.report import Failure
from tracedmodel_server.artifact import open_artifact, read_index


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """An artifact of two buckets."""
    return export(
        tmp_path_factory.mktemp("stored"), "bert", "TextClassification", [(1, 16), (4, 16)]
    )


def graphs_of(stored):
    return [stored.store.graph_by_digest(digest) for digest in stored.index.graphs]


def opened(artifact, folder):
    return open_artifact(read_index(artifact.index_file, None), artifact.store, folder)


def with_file(stored, path, name, data):
    """Return the artifact with another file under a name, consistent all the same."""
    blob = stored.store.put(data)
    digests = []
    for graph in graphs_of(stored):
        files = {**graph.files, name: blob}
        changed = graph.model_copy(update={"files": files})
        digests.append(stored.store.put(changed.to_bytes()).digest)
    files = {**stored.index.files, name: blob.digest}
    return stored.with_index(path, graphs=tuple(digests), files=files)


def refused(artifact, folder, reason, part):
    with pytest.raises(Failure, match=part) as caught:
        opened(artifact, folder)
    assert caught.value.reason.name == reason


def card_of(stored):
    return json.loads(stored.store.read(stored.index.files["model.json"]))


def test_an_artifact_has_its_graphs_smallest_first_and_all_of_their_blobs(stored, tmp_path):
    artifact = opened(stored, tmp_path)
    assert [str(bucket) for bucket in artifact.graphs] == ["1x16", "4x16"]
    assert artifact.digest == stored.index.identity()
    assert len(artifact.weights()) == 1
    for graph in artifact.graphs.values():
        assert all(artifact.path(blob).stat().st_size == blob.size for blob in graph.blobs())
    assert artifact.card.labels == ("negative", "neutral", "positive")


def test_the_tokenizer_neither_pads_nor_cuts_by_itself(stored, tmp_path):
    tokenizer = opened(stored, tmp_path).tokenizer
    assert (tokenizer.padding, tokenizer.truncation) == (None, None)


def test_two_graphs_of_one_bucket_are_refused(stored, tmp_path):
    again = stored.with_index(tmp_path / "twice.json", graphs=(stored.index.graphs[0],) * 2)
    refused(again, tmp_path, "ManifestInvalid", "two graphs of bucket 1x16")


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda _: b"{", "model.json is damaged"),
        (lambda card: json.dumps({**card, "formatVersion": "no"}).encode(), "at formatVersion"),
        (
            lambda card: json.dumps({**card, "task": "FillMask"}).encode(),
            "is of task FillMask|damaged",
        ),
    ],
    ids=["no JSON", "no number", "another task"],
)
def test_a_damaged_card_is_refused(stored, tmp_path, change, part):
    changed = with_file(stored, tmp_path / "index.json", "model.json", change(card_of(stored)))
    refused(changed, tmp_path, "ManifestInvalid", part)


def test_a_card_of_another_format_is_refused(stored, tmp_path):
    data = json.dumps({**card_of(stored), "formatVersion": 99}).encode()
    changed = with_file(stored, tmp_path / "index.json", "model.json", data)
    refused(changed, tmp_path, "FormatUnsupported", "has format 99")


def test_a_tokenizer_that_is_none_cannot_be_loaded(stored, tmp_path):
    changed = with_file(stored, tmp_path / "index.json", "tokenizer.json", b"{}")
    refused(changed, tmp_path, "LoadFailed", "tokenizer.json cannot be loaded")


@pytest.mark.parametrize("name", ["model.json", "tokenizer.json"])
def test_an_index_without_a_file_that_is_needed_is_refused(stored, tmp_path, name):
    digests = []
    for graph in graphs_of(stored):
        files = {key: blob for key, blob in graph.files.items() if key != name}
        changed = graph.model_copy(update={"files": files})
        digests.append(stored.store.put(changed.to_bytes()).digest)
    files = {key: digest for key, digest in stored.index.files.items() if key != name}
    changed = stored.with_index(tmp_path / "less.json", graphs=tuple(digests), files=files)
    refused(changed, tmp_path, "ManifestInvalid", f"names no {name}|manifest")


def test_a_blob_of_an_earlier_start_is_used_only_if_it_is_sound(stored, tmp_path):
    artifact = opened(stored, tmp_path)
    (weights,) = artifact.weights().values()
    before = weights.read_bytes()
    weights.write_bytes(b"altered")
    opened(stored, tmp_path)
    assert weights.read_bytes() == before


def test_an_index_that_cannot_be_read_or_is_another_is_refused(stored, tmp_path):
    with pytest.raises(Failure, match=r"nowhere cannot be read: No such file"):
        read_index(tmp_path / "nowhere", None)
    with pytest.raises(Failure, match="wanted is 000"):
        read_index(stored.index_file, "0" * 64)
