"""Exports without torch and clean-ups without a cluster, on shelves that both share."""

from __future__ import annotations

import itertools
from datetime import timedelta

from builders import a_blob, a_graph
from exports import Told, a_request
from shared_objects import SharedObjects, Shelves
from tracedmodel_api import keeping, store
from tracedmodel_api.buckets import Bucket
from tracedmodel_api.manifest import Shape
from tracedmodel_api.report import Failure
from tracedmodel_api.store import Store
from tracedmodel_exporter import pipeline, tracing
from tracedmodel_operator.gc.roots import Roots
from tracedmodel_operator.gc.stock import Looks
from tracedmodel_operator.gc.sweep import Sweep, Times

BUCKETS = (Bucket(1, 8), Bucket(2, 16))
GRACE = timedelta(days=7)
_VERSIONS = {"torch": "2.5.1", "transformers": "4.46.3"}
_numbers = itertools.count()


class _Source:
    def revision(self):
        return "r" * 40

    def folder(self):
        return None


class QuickTracer:
    """Stores and publishes as the real one does, but traces nothing. No two manifests are alike, as with real times."""

    def __init__(self, request, _backend, store, _folder, _progress):
        self._request = request
        self._store = store

    def export(self, bucket, origin, _scratch):
        name = f"{bucket}"
        put = {data: self._store.put(data.encode()) for data in (f"golden of {name}", f"graph of {name}", "weights", "card", "tokenizer")}  # fmt: skip
        assert put["weights"] == a_blob("weights")
        graph = a_graph(
            name,
            fingerprint=origin.fingerprint,
            revision=origin.revision,
            task=self._request.task.value,
            bucket=Shape.of(bucket).as_json(),
            versions=origin.versions,
            created=f"number {next(_numbers)}",
        )
        return self._store.publish(graph)


class Place:
    """A store on shelves. Whoever runs in a thread of its own takes turns by its name."""

    def __init__(self, monkeypatch, turn_of=lambda _name: lambda _what: None):
        self.shelves = Shelves()
        self.turn_of = turn_of
        self._who = "exporter"
        monkeypatch.setattr(store, "Objects", self._objects)
        monkeypatch.setattr(keeping, "_now", self.shelves.clock)
        monkeypatch.setattr(keeping, "_LOOKS", 1)
        monkeypatch.setattr(pipeline, "open_source", lambda *_: _Source())
        monkeypatch.setattr(pipeline, "installed", lambda *_: dict(_VERSIONS))
        monkeypatch.setattr(pipeline, "load_before_torch", lambda *_: None)
        monkeypatch.setattr(tracing, "Tracer", QuickTracer)

    def _objects(self, url, *_, **__):
        # The URL says who opens it.
        return SharedObjects(self.shelves, url, self.turn_of(url))

    def export(self, who="exporter", buckets=BUCKETS):
        """Run the exporter's own pipeline; return its report."""
        request = a_request("file:///model", who, "FeatureExtraction", *buckets)
        return pipeline.Export(request, None, Told()).run()

    def sweep(self, who="gc", roots=None):
        """Run a clean-up; return what it removed."""
        began = self.shelves.now
        looks = Looks(Store(who), (roots or Roots()).graphs, readers=1)
        times = Times(began, began - GRACE, self.shelves.clock)
        sweep = Sweep(looks, roots or Roots(), times, lambda _: None)
        sweep.remove(sweep.judge())
        return sweep.removed

    def demand_whole(self, report):
        """Demand that a server finds all that a report names."""
        assert len(report.rows) == len(BUCKETS)
        quiet, self.turn_of = self.turn_of, lambda _name: lambda _what: None
        try:
            found = Store("server")
            for row in report.rows:
                graph = found.graph_by_digest(row.digest)
                for blob in graph.blobs():
                    found.check(blob)
        finally:
            self.turn_of = quiet


def busy(end):
    """Tell whether a program ended as StoreBusy."""
    return isinstance(end, Failure) and end.reason.name == "StoreBusy"


def named(report, holder="cluster/space/name"):
    """Return what an index of a report names."""
    who = frozenset([holder])
    files = {digest: who for _, digest in report.files}
    return Roots({row.digest: who for row in report.rows}, files, 1)
