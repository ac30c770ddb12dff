"""A store that lies: exporter, server and ``artifacts verify`` refuse it alike, and say which file to remove."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from exports import a_request, run
from tracedmodel_api.buckets import Bucket
from tracedmodel_api.canonical import canonical_json, sha256_hex
from tracedmodel_api.cli import main
from tracedmodel_api.manifest import FORMAT_VERSION, Index
from tracedmodel_api.report import BY_EXIT_CODE, Failure
from tracedmodel_api.store import Store
from tracedmodel_server.artifact import open_artifact

pytestmark = pytest.mark.transformers

BUCKETS = (Bucket(2, 16), Bucket(1, 8))
_NAMED = re.compile(r"(?:graphs|blobs/sha256)/[0-9a-f]{64}(?:\.json)?")
BLOBS = ("graph", "other graph", "golden", "other golden", "weights", "tokenizer.json", "model.json")  # fmt: skip
MANIFESTS = ("manifest", "other manifest")


class Shelf:
    """A store of one artifact, its files by what they are, and those who read it."""

    def __init__(self, model, folder):
        self.folder = folder
        self.request = a_request(model, folder, "TextClassification", *BUCKETS)
        self.store = Store(self.request.store_url)

    def graphs(self):
        """Return the published graphs, the larger bucket first."""
        found = [self.store.graph(name) for name in self.store.fingerprints()]
        return sorted(found, key=lambda graph: -graph.bucket.batch_size)

    def index(self, graphs=None):
        return Index.of(graphs or self.graphs(), self.request.limits).to_bytes()

    def path(self, what):
        graph = self.graphs()[what.startswith("other ")]
        (module,) = graph.modules
        kind = what.removeprefix("other ")
        if kind == "name":
            return self.folder / "graphs" / f"{graph.fingerprint}.json"
        digests = {
            "graph": module.graph.digest,
            "weights": module.weights.digest,
            "golden": graph.golden.blob.digest,
            "manifest": graph.identity(),
            **{name: blob.digest for name, blob in graph.files.items()},
        }
        return self.folder / "blobs" / "sha256" / digests[kind]

    def export(self):
        return run(self.request)

    def serve(self, index, room):
        """Open the artifact as a server that starts with an empty disk."""
        return open_artifact(index, Store(self.request.store_url), room)

    def verify(self):
        return main(["artifacts", "verify", "--store", self.request.store_url])


@pytest.fixture(scope="module")
def published(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("published") / "store"
    Shelf(model(), folder).export()
    return folder


@pytest.fixture
def shelf(model, published, tmp_path):
    return Shelf(model(), shutil.copytree(published, tmp_path / "store"))


@pytest.fixture(scope="module")
def foreign(model, tmp_path_factory):
    """A store of another model's artifact, of the same task and buckets."""
    other = Shelf(model("distilbert"), tmp_path_factory.mktemp("foreign") / "store")
    other.export()
    return other


def flipped(path, _):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    return bytes(data)


def truncated(path, _):
    return path.read_bytes()[:-1]


def emptied(*_):
    return b""


def swapped(path, shelf):
    other = next(p for p in map(shelf.path, BLOBS + MANIFESTS) if p.name != path.name)
    return other.read_bytes()


def newer(*_):
    return canonical_json({"formatVersion": FORMAT_VERSION + 1})


LIES = (flipped, truncated, emptied, swapped, newer)


def failure_of(action, *arguments):
    with pytest.raises(Failure) as caught:
        action(*arguments)
    return caught.value.reason.name, str(caught.value)


def remove_named(shelf, message):
    """Do what the reason's remedy says."""
    named = _NAMED.findall(message)
    for name in named:
        (shelf.folder / name).unlink(missing_ok=True)
    return named


def assert_repaired(shelf, room):
    """Assert that a new export makes an artifact which everybody takes, and that the next one takes it as it is."""
    report, _ = shelf.export()
    graphs = shelf.graphs()
    assert {row.digest for row in report.rows} == {graph.identity() for graph in graphs}
    shelf.serve(shelf.index(), room)
    assert shelf.verify() == 0
    again, told = shelf.export()
    assert (again.rows, told.traced()) == (report.rows, [])


@pytest.mark.parametrize("what", BLOBS + MANIFESTS)
@pytest.mark.parametrize("lie", LIES)
def test_a_blob_that_is_not_what_its_name_says_is_corrupt(shelf, what, lie, tmp_path, capsys):
    index, path = shelf.index(), shelf.path(what)
    path.write_bytes(lie(path, shelf))
    where = f"blobs/sha256/{path.name}"
    for action, *arguments in ((shelf.export,), (shelf.serve, index, tmp_path / "server")):
        reason, message = failure_of(action, *arguments)
        assert (reason, where in message) == ("BlobCorrupt", True)
    assert BY_EXIT_CODE[shelf.verify()].name == "BlobCorrupt"
    assert where in capsys.readouterr().err
    assert where in remove_named(shelf, failure_of(shelf.export)[1])
    assert_repaired(shelf, tmp_path / "repaired")


@pytest.mark.parametrize("what", BLOBS)
def test_a_blob_that_is_gone_is_missing_until_the_next_export(shelf, what, tmp_path):
    index, path = shelf.index(), shelf.path(what)
    path.unlink()
    reason, message = failure_of(shelf.serve, index, tmp_path / "server")
    assert (reason, path.name in message) == ("BlobMissing", True)
    assert BY_EXIT_CODE[shelf.verify()].name == "BlobMissing"
    assert_repaired(shelf, tmp_path / "repaired")


@pytest.mark.parametrize("what", ["weights", "tokenizer.json", "model.json", "golden"])
def test_a_missing_blob_that_comes_back_to_the_byte_leaves_the_artifact_as_it_was(shelf, what):
    index, path = shelf.index(), shelf.path(what)
    path.unlink()
    _, told = shelf.export()
    assert len(told.traced()) == 1
    assert shelf.index() == index


def altered(shelf, path, **changes):
    """A manifest with changed fields, valid by itself."""
    graph = next(graph for graph in shelf.graphs() if graph.fingerprint == path.stem)
    return graph.model_copy(update=changes)


def test_a_manifest_whose_bytes_are_changed_is_invalid_wherever_the_change_is(shelf):
    """Every seventh byte in turn; the export must fail, whatever that makes of the manifest."""
    path = shelf.path("name")
    data = path.read_bytes()
    for place in range(0, len(data), 7):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        reason, message = failure_of(shelf.export)
        expected = "FormatUnsupported" if b'"formatVersion":0' in path.read_bytes() else "ManifestInvalid"  # fmt: skip
        assert (reason, path.name in message) == (expected, True), place


@pytest.mark.parametrize("what", ["name", "other name"])
@pytest.mark.parametrize(
    "lie",
    [
        *LIES[:4],
        lambda path, _: b" " + path.read_bytes(),
        lambda path, shelf: altered(shelf, path, parameters=1).to_bytes(),
        lambda path, shelf: altered(shelf, path, benchmark=None, proof=None).to_bytes(),
    ],
    ids=["flipped", "truncated", "emptied", "swapped", "spaced", "parameters", "proof"],
)
def test_a_manifest_that_is_not_what_was_published_is_invalid(shelf, what, lie, tmp_path, capsys):
    index, path = shelf.index(), shelf.path(what)
    path.write_bytes(lie(path, shelf))
    reason, message = failure_of(shelf.export)
    assert (reason, f"graphs/{path.name}" in message) == ("ManifestInvalid", True)
    assert BY_EXIT_CODE[shelf.verify()].name == "ManifestInvalid"
    assert f"graphs/{path.name}" in capsys.readouterr().err
    # A server goes by digests: nobody's name for a graph misleads it.
    shelf.serve(index, tmp_path / "server")
    remove_named(shelf, message)
    assert_repaired(shelf, tmp_path / "repaired")


def test_a_manifest_of_a_newer_format_is_told_and_left_alone(shelf, tmp_path):
    index, path = shelf.index(), shelf.path("name")
    path.write_bytes(newer())
    reason, message = failure_of(shelf.export)
    assert (reason, f"graphs/{path.name} has format 2; this version reads 1" in message) == ("FormatUnsupported", True)  # fmt: skip
    assert BY_EXIT_CODE[shelf.verify()].name == "FormatUnsupported"
    assert path.read_bytes() == newer()
    data = index.replace(b'"formatVersion":1', b'"formatVersion":2')
    assert failure_of(shelf.serve, data, tmp_path / "server")[0] == "FormatUnsupported"


def test_another_models_manifest_under_our_name_is_invalid(shelf, foreign, tmp_path):
    path, theirs = shelf.path("name"), foreign.graphs()[0]
    path.write_bytes(theirs.to_bytes())
    reason, message = failure_of(shelf.export)
    assert (reason, f"graphs/{path.name} is the manifest of {theirs.fingerprint}" in message) == ("ManifestInvalid", True)  # fmt: skip
    assert BY_EXIT_CODE[shelf.verify()].name == "ManifestInvalid"
    assert remove_named(shelf, message) == [f"graphs/{path.name}"]
    assert_repaired(shelf, tmp_path / "repaired")


def plant(shelf, foreign, path, **changes):
    """Publish another model's graph, complete, under our name, as a liar who takes pains would."""
    for blob in (foreign.folder / "blobs" / "sha256").iterdir():
        shutil.copy(blob, shelf.folder / "blobs" / "sha256")
    graph = foreign.graphs()[0].model_copy(update={"fingerprint": path.stem, **changes})
    path.write_bytes(graph.to_bytes())
    (shelf.folder / "blobs" / "sha256" / sha256_hex(graph.to_bytes())).write_bytes(graph.to_bytes())
    return graph


def test_another_models_graph_that_took_our_name_is_invalid(shelf, foreign, tmp_path):
    ours, path = shelf.graphs(), shelf.path("name")
    planted = plant(shelf, foreign, path)
    reason, message = failure_of(shelf.export)
    assert reason == "ManifestInvalid"
    assert f"the fields of graphs/{path.name} do not give its name" in message
    assert BY_EXIT_CODE[shelf.verify()].name == "ManifestInvalid"
    data = shelf.index([ours[1], planted])
    reason, found = failure_of(shelf.serve, data, tmp_path / "server")
    assert (reason, "graph 2x16 has revision" in found) == ("ManifestInvalid", True)
    remove_named(shelf, message)
    assert_repaired(shelf, tmp_path / "repaired")


def test_another_models_graph_that_took_all_our_fields_does_not_go_with_ours(
    shelf, foreign, tmp_path
):
    ours, path = shelf.graphs(), shelf.path("name")
    planted = plant(shelf, foreign, path, revision=ours[0].revision)
    reason, message = failure_of(shelf.export)
    assert (reason, "name different files or weights" in message) == ("ManifestInvalid", True)
    assert f"graphs/{path.name}" in message
    data = shelf.index([ours[1], planted])
    assert failure_of(shelf.serve, data, tmp_path / "server")[0] == "ManifestInvalid"
    remove_named(shelf, message)
    assert_repaired(shelf, tmp_path / "repaired")


def test_a_manifest_that_lies_about_a_size_is_invalid(shelf, tmp_path):
    path = shelf.path("name")
    graph = shelf.graphs()[0]
    golden = graph.golden
    blob = golden.blob.model_copy(update={"size": golden.blob.size + 1})
    lying = graph.model_copy(update={"golden": golden.model_copy(update={"blob": blob})})
    shelf.store.put(lying.to_bytes())
    path.write_bytes(lying.to_bytes())
    reason, message = failure_of(shelf.export)
    assert (reason, f"graphs/{path.name}" in message) == ("ManifestInvalid", True)
    assert BY_EXIT_CODE[shelf.verify()].name == "ManifestInvalid"
    remove_named(shelf, message)
    assert_repaired(shelf, tmp_path / "repaired")


@pytest.mark.parametrize("what", BLOBS[4:])
@pytest.mark.parametrize("lie", LIES)
def test_an_export_that_traces_writes_over_blobs_that_lie(shelf, what, lie, tmp_path):
    path = shelf.path(what)
    whole = path.read_bytes()
    path.write_bytes(lie(path, shelf))
    shutil.rmtree(shelf.folder / "graphs")
    shelf.export()
    assert path.read_bytes() == whole
    assert_repaired(shelf, tmp_path / "repaired")


def test_each_blob_is_read_once_in_an_export_of_published_graphs(shelf, monkeypatch):
    from tracedmodel_api.objects import Objects  # noqa: PLC0415  # beside its use

    read, stream = [], Objects.stream

    def counted(objects, path, **options):
        read.append(Path(path).name)
        return stream(objects, path, **options)

    monkeypatch.setattr(Objects, "stream", counted)
    shelf.export()
    blobs = (shelf.folder / "blobs" / "sha256").iterdir()
    assert sorted(read) == sorted(blob.name for blob in blobs)
