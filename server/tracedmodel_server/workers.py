"""The workers: one thread each, which loads, proves and runs its graphs; weights on CPUs are mapped once for all."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from tracedmodel_api.buckets import Bucket
from tracedmodel_api.cores import Layout
from tracedmodel_api.report import Failure
from tracedmodel_api.types import Target
from tracedmodel_runtime.backend import Backend, backend_for
from tracedmodel_server.artifact import Artifact
from tracedmodel_server.metrics import Start
from tracedmodel_server.model import Model, Proved, Reduce, Tokenized
from tracedmodel_server.runners import Row

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

    def __init__(
        self, workers: Sequence[_Worker], layout: Layout, proved: Sequence[Sequence[Proved]]
    ) -> None:
        self.layout = layout
        self.proved = proved
        self._count = len(workers)
        parts = len(layout.parts)
        self._idle = [list(workers[number::parts]) for number in range(parts)]
        self._idle_of = {
            bucket: idle
            for part, idle in zip(layout.parts, self._idle, strict=True)
            for bucket in part.buckets
        }

    def __len__(self) -> int:
        return self._count

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
        found: dict[Bucket, list[Proved]] = {}
        for own in self.proved:
            for one in own:
                found.setdefault(one.bucket, []).append(one)
        return dict(sorted(found.items()))

    async def run(self, bucket: Bucket, items: Sequence[Tokenized], reduce: Reduce) -> list[Row]:
        """Run a batch on an idle worker that holds its bucket."""
        idle = self._idle_of[bucket]
        worker = idle.pop()
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(worker.executor, worker.run, bucket, items, reduce)
        finally:
            idle.append(worker)


class Loader:
    """Loads and proves an artifact on every worker; :meth:`stop` ends it between two buckets.

    The libraries of the target, which take seconds, are imported at once, while the artifact is on its way.
    """

    def __init__(self, target: Target, say: Say) -> None:
        self._say = say
        self._stopped = threading.Event()
        self._pools = [ThreadPoolExecutor(1, "worker-0")]
        self._target = target
        self._libraries = self._pools[0].submit(backend_for, target)

    def stop(self) -> None:
        """End the loading soon, as Failure Interrupted."""
        self._stopped.set()

    async def load(self, artifact: Artifact, layout: Layout, threads: int) -> Workers:
        """Return the workers, all proved, of so many threads each; raises the first worker's Failure."""
        loop = asyncio.get_running_loop()
        more = range(1, layout.workers)
        self._pools += [ThreadPoolExecutor(1, f"worker-{number}") for number in more]
        backend, weights = await loop.run_in_executor(
            self._pools[0], self._shared, artifact, layout.workers
        )
        models = [Model(artifact, backend, weights, number) for number in range(layout.workers)]
        workers = [_Worker(*pair) for pair in zip(self._pools, models, strict=True)]
        jobs = [
            loop.run_in_executor(
                worker.executor, self._prove, worker.model, layout.part_of(number).buckets, threads
            )
            for number, worker in enumerate(workers)
        ]
        return Workers(workers, layout, await asyncio.gather(*jobs))

    def close(self) -> None:
        """Let the threads end."""
        self.stop()
        for pool in self._pools:
            pool.shutdown(wait=False)

    def _shared(self, artifact: Artifact, workers: int) -> tuple[Backend, Mapping[str, Any]]:
        """Return the backend, with its devices, and the mapped weights."""
        self._libraries.result()
        backend = backend_for(self._target, artifact.compiler_options())
        backend.reserve(workers)
        files = artifact.weights()
        return backend, {digest: backend.weights(path) for digest, path in files.items()}

    def _prove(self, model: Model, buckets: Sequence[Bucket], threads: int) -> list[Proved]:
        from tracedmodel_runtime.threads import use_threads  # noqa: PLC0415  # torch comes with the backend

        use_threads(threads)
        proved = []
        for bucket in buckets:
            if self._stopped.is_set():
                raise Failure("Interrupted", "told to stop while loading")
            model.load(bucket)
            one = model.prove(bucket)
            proved.append(one)
            error, p50 = one.proof.worst_error(), one.times.quantile(0.5) / 1000
            number = model.worker
            self._say(f"worker {number} proved bucket {bucket}: error {error:.1e}, {p50:.2f} ms")
        return proved
