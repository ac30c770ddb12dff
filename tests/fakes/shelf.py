"""A store of one artifact, those who read it, and what a liar makes of its files."""

import re

import pytest

from exports import a_request, run
from tracedmodel_api.buckets import Bucket
from tracedmodel_api.canonical import canonical_json
from tracedmodel_api.cli import main
from tracedmodel_api.manifest import FORMAT_VERSION, Index
from tracedmodel_api.report import Failure
from tracedmodel_api.store import Store
from tracedmodel_server.artifact import open_artifact

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
