"""The export, on one page: request, source, store, and for each bucket that is missing the tracer; then the report.

torch is imported only when a bucket must be traced: an export whose graphs are all published takes a second.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from tracedmodel_api.buckets import Bucket
from tracedmodel_api.keeping import settle
from tracedmodel_api.kinship import demand_kinship
from tracedmodel_api.manifest import Graph
from tracedmodel_api.report import Failure, Report, Row
from tracedmodel_api.request import ExportRequest, graph_fingerprint, own_fingerprint
from tracedmodel_api.store import Store
from tracedmodel_api.types import Target
from tracedmodel_exporter.progress import STEPS, STEPS_UNPROVED, Progress
from tracedmodel_exporter.sources import Source, open_source
from tracedmodel_runtime.options import CompilerOptions
from tracedmodel_runtime.tuning import load_before_torch, without_collection
from tracedmodel_runtime.versions import installed

_LIBRARIES = {
    Target.CPU: ("torch", "transformers"),
    Target.INF1: ("torch", "transformers", "torch-neuron", "neuron-cc"),
}

_ROUNDS = 3
"""How often a graph is traced anew that a clean-up broke meanwhile."""


class Export:
    """One run of the exporter. ``published`` grows bucket by bucket, and is good even if the run fails later."""

    def __init__(self, request: ExportRequest, share: int | None, progress: Progress) -> None:
        self.request = request
        self._buckets = request.share(share)
        self._progress = progress
        self._revision: str | None = None
        self._store: Store | None = None
        self.cached: set[Bucket] = set()
        """Buckets that were published already."""
        self.published: dict[Bucket, Graph] = {}

    def run(self) -> Report:
        """Publish every bucket and return the report; raises :class:`~tracedmodel_api.report.Failure`."""
        with tempfile.TemporaryDirectory(prefix="export-") as scratch:
            self._run(Path(scratch))
        return self.report()

    def _run(self, scratch: Path) -> None:
        store = self._store = Store(self.request.store_url)
        source = open_source(self.request.source, self.request.revision, scratch / "model")
        with self._progress.step("source", "resolve"):
            revision = self._revision = source.revision()
        versions = installed(*_LIBRARIES[self.request.target])
        fingerprints = {
            bucket: graph_fingerprint(self.request, bucket, revision, versions)
            for bucket in self._buckets
        }
        with self._progress.step("store", "lookup"):
            missing = [b for b in self._buckets if not self._find(store, b, fingerprints[b])]
        for _ in range(_ROUNDS):
            if missing:
                wanted = {b: fingerprints[b] for b in missing}
                self._trace(store, source, wanted, versions, scratch)
            missing = self._lost(store)
            if not missing:
                return
        message = f"what this export stores is removed again and again: {missing[0]} for one"
        raise Failure("StoreBusy", f"store {store.url}: {message}")

    def _lost(self, store: Store) -> list[Bucket]:
        """Keep the graphs from clean-ups; give up and return the buckets of those that one broke meanwhile."""
        broken = settle(store, self.published.values())
        lost = [bucket for bucket, graph in self.published.items() if graph in broken]
        for bucket in lost:
            del self.published[bucket]
            self.cached.discard(bucket)
            self._progress.say(f"{bucket}: a clean-up removed a part of its graph: traced anew")
        return lost

    def _find(self, store: Store, bucket: Bucket, fingerprint: str) -> bool:
        """Take a published graph, read whole and judged by this request's tolerance; tell whether there is one."""
        graph = store.graph(fingerprint)
        if graph is None:
            return False
        if own_fingerprint(graph) != fingerprint:
            message = f"the fields of graphs/{fingerprint}.json do not give its name"
            raise Failure("ManifestInvalid", f"store {store.url}: {message}")
        lacking = store.lacking(graph)
        if lacking:
            self._progress.say(f"{bucket}: its graph lacks blob {lacking[0].digest}: traced anew")
            return False
        verdict = self.request.limits.verdict(graph.proof) if graph.proof else None
        if verdict is not None:
            raise Failure("ToleranceMissed", f"bucket {bucket}: {verdict}")
        self._take(bucket, graph)
        self.cached.add(bucket)
        self._progress.say(f"{bucket}: published already")
        return True

    def _take(self, bucket: Bucket, graph: Graph) -> None:
        """Take a graph that goes with the others."""
        for other in self.published.values():
            demand_kinship(graph, other, self.request.store_url)
        self.published[bucket] = graph

    def _trace(
        self,
        store: Store,
        source: Source,
        missing: dict[Bucket, str],
        versions: dict[str, str],
        scratch: Path,
    ) -> None:
        with self._progress.step("libraries", "import"), without_collection():
            load_before_torch(self.request.target)
            from tracedmodel_exporter.tracing import Origin, Tracer  # noqa: PLC0415  # see the module
            from tracedmodel_runtime.backend import backend_for  # noqa: PLC0415  # as above

            backend = backend_for(self.request.target, _compiler_options(self.request))
        steps = STEPS if backend.runs_here else STEPS_UNPROVED
        self._progress.expect(2 + len(missing) * len(steps))
        with self._progress.step("source", "fetch"):
            folder = source.folder()
        with without_collection():
            tracer = Tracer(self.request, backend, store, folder, self._progress)
        for number, (bucket, fingerprint) in enumerate(missing.items()):
            # Another exporter may have published it meanwhile, or ours what it lacked.
            if number and self._find(store, bucket, fingerprint):
                continue
            origin = Origin(fingerprint, self._revision or "", versions)
            self._take(bucket, tracer.export(bucket, origin, scratch))

    @property
    def stored_bytes(self) -> int:
        """Bytes of the blobs that this run had to store."""
        return self._store.stored_bytes if self._store else 0

    def report(self, failure: Failure | None = None) -> Report:
        """Return what was published so far, and the failure that ended the run."""
        graphs = self.published.values()
        files = {name: blob.digest for graph in graphs for name, blob in graph.files.items()}
        return Report(
            rows=tuple(_rows(self.published.items())),
            revision=self._revision,
            parameters=max((graph.parameters for graph in graphs), default=None),
            files=tuple(sorted(files.items())),
            cached=len(self.cached),
            reason=failure.reason.name if failure else None,
            message=str(failure) if failure else None,
        )


def _compiler_options(request: ExportRequest) -> CompilerOptions | None:
    """Return how the request wants graphs to be compiled, where its target has a compiler."""
    if request.compiler is None:
        return None
    return CompilerOptions(
        request.compiler, request.compiler_timeout_seconds, request.min_compiled_percent
    )


def _rows(published: Iterable[tuple[Bucket, Graph]]) -> Iterable[Row]:
    for bucket, graph in sorted(published, key=lambda item: str(item[0])):
        times = graph.benchmark
        yield Row(
            bucket,
            graph.identity(),
            sum(module.graph.size for module in graph.modules) + graph.golden.blob.size,
            graph.proof.worst_error() if graph.proof else None,
            graph.proof.agreement if graph.proof else None,
            times.p50_microseconds if times else None,
            times.p99_microseconds if times else None,
            times.eager_p50_microseconds if times else None,
            graph.compiled_percent,
        )
