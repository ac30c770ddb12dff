"""A store whose manifests lie: altered, of a newer format, or those of another model."""

from __future__ import annotations

import shutil

import pytest

from shelf import LIES, Shelf, assert_repaired, failure_of, newer, remove_named
from tracedmodel_api.canonical import sha256_hex
from tracedmodel_api.report import BY_EXIT_CODE

pytestmark = pytest.mark.transformers


@pytest.fixture(scope="module")
def foreign(model, tmp_path_factory):
    """A store of another model's artifact, of the same task and buckets."""
    other = Shelf(model("distilbert"), tmp_path_factory.mktemp("foreign") / "store")
    other.export()
    return other


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
    shelf, foreign, tmp_path, capsys
):
    ours, path = shelf.graphs(), shelf.path("name")
    planted = plant(shelf, foreign, path, revision=ours[0].revision)
    reason, message = failure_of(shelf.export)
    assert (reason, "name different files or weights" in message) == ("ManifestInvalid", True)
    assert f"graphs/{path.name}" in message
    assert BY_EXIT_CODE[shelf.verify()].name == "ManifestInvalid"
    assert f"graphs/{path.name}" in capsys.readouterr().err
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
