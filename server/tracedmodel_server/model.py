"""The graphs of an artifact in one thread: loaded, warmed, proved there, and run there ever after.

OpenMP keeps a pool of threads for each thread that calls it, and stops spinning when there are more of them than
CPUs: a model that is warmed in one thread and served from another runs at half its speed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from safetensors import SafetensorError

from tracedmodel_api.buckets import Bucket
from tracedmodel_api.manifest import Graph, Module, Proof
from tracedmodel_api.report import Failure
from tracedmodel_runtime.backend import Backend, LoadedGraph
from tracedmodel_runtime.padding import Encoding
from tracedmodel_runtime.timing import Times
from tracedmodel_server.artifact import Artifact
from tracedmodel_server.runners import Row, Runner, runner_for


class Tokenized(Protocol):
    """What waits for a graph: one text's tokens."""

    @property
    def encoding(self) -> Encoding:
        """Return the tokens."""
        ...


Item = TypeVar("Item", bound=Tokenized)
Reduce = Callable[[Any, Row], Row]


@dataclass(frozen=True)
class Proved:
    """What a worker proved of one bucket, its times in microseconds, and what the start took."""

    worker: int
    bucket: Bucket
    proof: Proof
    times: Times
    load_seconds: float
    proof_seconds: float


def copied(_item: Tokenized, row: Row) -> Row:
    """Return the row as arrays of its own: a view would keep the whole batch's output alive."""
    return tuple(part.copy() for part in row)


class Model:
    """The graphs of one worker. Every method runs in the worker's thread."""

    def __init__(
        self, artifact: Artifact, backend: Backend, weights: Mapping[str, Any], worker: int = 0
    ) -> None:
        self.worker = worker
        self._artifact = artifact
        self._backend = backend
        self._weights = weights
        self._runners: dict[Bucket, Runner] = {}
        self._load_seconds: dict[Bucket, float] = {}

    def load(self, bucket: Bucket) -> None:
        """Load the graphs of a bucket; raises Failure LoadFailed or ManifestInvalid."""
        graph = self._artifact.graphs[bucket]
        start = time.perf_counter()
        try:
            loaded = {module.name: self._load(module) for module in graph.modules}
            self._runners[bucket] = runner_for(loaded, graph, self._artifact.card)
        except Failure as failure:
            raise Failure(failure.reason.name, f"bucket {bucket}: {failure}") from failure
        self._load_seconds[bucket] = time.perf_counter() - start

    def _load(self, module: Module) -> LoadedGraph:
        weights = self._weights[module.weights.digest] if module.weights else None
        path = self._artifact.path(module.graph)
        return self._backend.load(path, weights, self.worker)

    def prove(self, bucket: Bucket) -> Proved:
        """Compare a bucket with its golden outputs; these runs warm it up and are timed, and as few as needed follow.

        Raises Failure ProofFailed, NotFinite or LoadFailed.
        """
        graph, runner = self._artifact.graphs[bucket], self._runners[bucket]
        recording = self._recording(graph, runner)
        start = time.perf_counter()
        try:
            proof, times = runner.prove(recording)
        except Failure as failure:
            raise Failure(failure.reason.name, f"bucket {bucket}: {failure}") from failure
        except (RuntimeError, ValueError, IndexError) as error:
            # What loads and then cannot run at its own bucket is not the graph that its manifest describes.
            line = str(error).strip().splitlines()[-1:] or [type(error).__name__]
            raise Failure("LoadFailed", f"bucket {bucket} cannot run: {line[0].strip()}") from error
        verdict = self._artifact.index.limits.verdict(proof)
        if verdict is not None:
            raise Failure("ProofFailed", f"bucket {bucket}: {verdict}")
        seconds = time.perf_counter() - start
        return Proved(self.worker, bucket, proof, times, self._load_seconds[bucket], seconds)

    def run(self, bucket: Bucket, items: Sequence[Item], reduce: Reduce = copied) -> list[Row]:
        """Return each item's outputs, reduced and copied."""
        rows = self._runners[bucket].run([item.encoding for item in items])
        return [reduce(item, row) for item, row in zip(items, rows, strict=True)]

    def _recording(self, graph: Graph, runner: Runner) -> Any:
        path = self._artifact.path(graph.golden.blob)
        try:
            return runner.recording(path.read_bytes())
        except (SafetensorError, KeyError, ValueError) as error:
            bucket = graph.bucket.bucket()
            message = f"bucket {bucket}: the golden file cannot be read: {error}"
            raise Failure("ManifestInvalid", message) from error
