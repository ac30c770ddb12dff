"""A store whose blobs lie: exporter, server and ``artifacts verify`` refuse it alike, and say which file to remove."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from shelf import BLOBS, LIES, MANIFESTS, assert_repaired, failure_of, remove_named
from tracedmodel_api.report import BY_EXIT_CODE

pytestmark = pytest.mark.transformers


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


@pytest.mark.parametrize("what", MANIFESTS)
def test_a_manifests_blob_that_is_gone_is_told_to_the_next_export(shelf, what, tmp_path):
    """Whether it was lost, or the manifest altered, nobody can tell: the export says which files to remove."""
    index, path = shelf.index(), shelf.path(what)
    path.unlink()
    reason, message = failure_of(shelf.serve, index, tmp_path / "server")
    assert (reason, path.name in message) == ("BlobMissing", True)
    reason, message = failure_of(shelf.export)
    assert (reason, "are not the same manifest: remove both" in message) == ("ManifestInvalid", True)  # fmt: skip
    assert BY_EXIT_CODE[shelf.verify()].name == "ManifestInvalid"
    remove_named(shelf, message)
    assert_repaired(shelf, tmp_path / "repaired")


@pytest.mark.parametrize("what", ["weights", "tokenizer.json", "model.json", "golden"])
def test_a_missing_blob_that_comes_back_to_the_byte_leaves_the_artifact_as_it_was(shelf, what):
    index, path = shelf.index(), shelf.path(what)
    path.unlink()
    _, told = shelf.export()
    assert len(told.traced()) == 1
    assert shelf.index() == index


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
