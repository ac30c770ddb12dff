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
from tracedmodel_runtime.backend import Backend, backend_for
from tracedmodel_server.artifact import Artifact
from tracedmodel_server.model import Model, Proved, Reduce, Row, Tokenized

Say = Callable[[str], None]


@dataclass(frozen=True)
class _Worker:
    number: int
    executor: ThreadPoolExecutor
    model: Model


class Workers:
    """The workers of one server. :meth:`run` may be called at most once a worker at a time, from the event loop."""

    def __init__(self, workers: Sequence[_Worker], proved: Sequence[Sequence[Proved]]) -> None:
        self._idle = list(workers)
        self._all = tuple(workers)
        self.proved = proved
        self.reduce: Reduce | None = None

    def __len__(self) -> int:
        return len(self._all)

    def costs(self) -> dict[Bucket, float]:
        """Return the seconds of each bucket: the best run of the slowest worker, which no neighbour disturbed."""
        costs: dict[Bucket, float] = {}
        for own in self.proved:
            for one in own:
                costs[one.bucket] = max(costs.get(one.bucket, 0.0), one.best / 1e6)
        return costs

    async def run(self, bucket: Bucket, items: Sequence[Tokenized], reduce: Reduce) -> list[Row]:
        """Run a batch on an idle worker."""
        worker = self._idle.pop()
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(
                worker.executor, worker.model.run, bucket, items, reduce
            )
        finally:
            self._idle.append(worker)

    def close(self) -> None:
        """Let the threads end."""
        for worker in self._all:
            worker.executor.shutdown(wait=False)


class Loader:
    """Loads and proves an artifact on every worker; :meth:`stop` ends it between two buckets."""

    def __init__(self, artifact: Artifact, workers: int, threads: int, say: Say) -> None:
        self._artifact = artifact
        self._workers = workers
        self._threads = threads
        self._say = say
        self._stopped = threading.Event()

    def stop(self) -> None:
        """End the loading soon, as Failure Interrupted."""
        self._stopped.set()

    async def load(self) -> Workers:
        """Return the workers, all proved; raises the first worker's Failure."""
        loop = asyncio.get_running_loop()
        pools = [ThreadPoolExecutor(1, f"worker-{n}") for n in range(self._workers)]
        try:
            backend, weights = await loop.run_in_executor(pools[0], self._shared)
            models = [Model(self._artifact, backend, weights) for _ in pools]
            jobs = [
                loop.run_in_executor(pool, self._prove, number, model)
                for number, (pool, model) in enumerate(zip(pools, models, strict=True))
            ]
            proved = await asyncio.gather(*jobs)
        except BaseException:
            self.stop()
            for pool in pools:
                pool.shutdown(wait=False)
            raise
        numbered = zip(pools, models, strict=True)
        workers = [_Worker(number, *parts) for number, parts in enumerate(numbered)]
        return Workers(workers, proved)

    def _shared(self) -> tuple[Backend, Mapping[str, Any]]:
        """Return the backend and the mapped weights. The libraries of the target are imported here, not before."""
        backend = backend_for(self._artifact.index.target)
        files = self._artifact.weights()
        return backend, {digest: backend.weights(path) for digest, path in files.items()}

    def _prove(self, number: int, model: Model) -> list[Proved]:
        from tracedmodel_runtime.threads import use_threads  # noqa: PLC0415  # torch comes with the backend

        use_threads(self._threads)
        proved = []
        for bucket in self._artifact.graphs:
            if self._stopped.is_set():
                raise Failure("Interrupted", "told to stop while loading")
            model.load(bucket)
            one = model.prove(bucket)
            proved.append(one)
            error, p50 = one.proof.worst_error(), one.p50 / 1000
            self._say(f"worker {number} proved bucket {bucket}: error {error:.1e}, {p50:.2f} ms")
        return proved
