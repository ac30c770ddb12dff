"""The workers: one thread each, which loads, proves and runs the graphs; the weights are mapped once for all."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from tracedmodel_api.buckets import Bucket
from tracedmodel_api.report import Failure
from tracedmodel_api.types import Target
from tracedmodel_runtime.backend import Backend, backend_for
from tracedmodel_server.artifact import Artifact
from tracedmodel_server.metrics import Start
from tracedmodel_server.model import Model, Proved, Reduce, Row, Tokenized

Say = Callable[[str], None]


@dataclass(frozen=True)
class _Worker:
    executor: ThreadPoolExecutor
    model: Model

    def run(self, bucket: Bucket, items: Sequence[Tokenized], reduce: Reduce) -> list[Row]:
        """Run a batch in the worker's thread; what would end a program ends no more than this batch."""
        try:
            return self.model.run(bucket, items, reduce)
        except (SystemExit, KeyboardInterrupt) as error:
            raise RuntimeError(f"the worker was told to end by {type(error).__name__}") from error


class Workers:
    """The workers of one server. :meth:`run` may be called at most once a worker at a time, from the event loop."""

    def __init__(self, workers: Sequence[_Worker], proved: Sequence[Sequence[Proved]]) -> None:
        self._idle = list(workers)
        self._all = tuple(workers)
        self.proved = proved

    def __len__(self) -> int:
        return len(self._all)

    def costs(self) -> dict[Bucket, float]:
        """Return the seconds of each bucket: the best run of the slowest worker, which no neighbour disturbed."""
        costs: dict[Bucket, float] = {}
        for own in self.proved:
            for one in own:
                best = one.times.quantile(0) / 1e6
                costs[one.bucket] = max(costs.get(one.bucket, 0.0), best)
        return costs

    def starts(self) -> dict[Bucket, Start]:
        """Return what the start measured of each bucket."""
        costs = self.costs()
        return {
            bucket: Start(
                max(one.proof.worst_error() for one in own),
                costs[bucket],
                max(one.load_seconds for one in own),
                max(one.proof_seconds for one in own),
            )
            for bucket, own in self.by_bucket().items()
        }

    def by_bucket(self) -> dict[Bucket, list[Proved]]:
        """Return what every worker proved, by bucket."""
        return {same[0].bucket: list(same) for same in zip(*self.proved, strict=True)}

    async def run(self, bucket: Bucket, items: Sequence[Tokenized], reduce: Reduce) -> list[Row]:
        """Run a batch on an idle worker."""
        worker = self._idle.pop()
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(worker.executor, worker.run, bucket, items, reduce)
        finally:
            self._idle.append(worker)


class Loader:
    """Loads and proves an artifact on every worker; :meth:`stop` ends it between two buckets.

    The libraries of the target, which take seconds, are imported at once, while the artifact is on its way.
    """

    def __init__(self, target: Target, workers: int, threads: int, say: Say) -> None:
        self._threads = threads
        self._say = say
        self._stopped = threading.Event()
        self._pools = [ThreadPoolExecutor(1, f"worker-{n}") for n in range(workers)]
        self._backend = self._pools[0].submit(backend_for, target)

    def stop(self) -> None:
        """End the loading soon, as Failure Interrupted."""
        self._stopped.set()

    async def load(self, artifact: Artifact) -> Workers:
        """Return the workers, all proved; raises the first worker's Failure."""
        loop = asyncio.get_running_loop()
        backend, weights = await loop.run_in_executor(self._pools[0], self._shared, artifact)
        models = [Model(artifact, backend, weights) for _ in self._pools]
        numbered = enumerate(zip(self._pools, models, strict=True))
        jobs = [
            loop.run_in_executor(pool, self._prove, number, model, list(artifact.graphs))
            for number, (pool, model) in numbered
        ]
        proved = await asyncio.gather(*jobs)
        pairs = zip(self._pools, models, strict=True)
        return Workers([_Worker(*pair) for pair in pairs], proved)

    def close(self) -> None:
        """Let the threads end."""
        self.stop()
        for pool in self._pools:
            pool.shutdown(wait=False)

    def _shared(self, artifact: Artifact) -> tuple[Backend, Mapping[str, Any]]:
        """Return the backend and the mapped weights."""
        backend = self._backend.result()
        files = artifact.weights()
        return backend, {digest: backend.weights(path) for digest, path in files.items()}

    def _prove(self, number: int, model: Model, buckets: Sequence[Bucket]) -> list[Proved]:
        from tracedmodel_runtime.threads import use_threads  # noqa: PLC0415  # torch comes with the backend

        use_threads(self._threads)
        proved = []
        for bucket in buckets:
            if self._stopped.is_set():
                raise Failure("Interrupted", "told to stop while loading")
            model.load(bucket)
            one = model.prove(bucket)
            proved.append(one)
            error, p50 = one.proof.worst_error(), one.times.quantile(0.5) / 1000
            self._say(f"worker {number} proved bucket {bucket}: error {error:.1e}, {p50:.2f} ms")
        return proved
