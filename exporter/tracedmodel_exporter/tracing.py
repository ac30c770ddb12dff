"""One bucket from eager model to published graph. Everything that needs torch is below this module."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch

from tracedmodel_api import __version__
from tracedmodel_api.buckets import Bucket
from tracedmodel_api.manifest import (
    FORMAT_VERSION,
    Benchmark,
    Golden,
    Graph,
    ModuleName,
    Proof,
    Shape,
)
from tracedmodel_api.report import Failure
from tracedmodel_api.request import ExportRequest
from tracedmodel_api.store import Store
from tracedmodel_exporter.goldens import SEED
from tracedmodel_exporter.progress import Progress
from tracedmodel_exporter.publish import Shelf
from tracedmodel_exporter.recipes import Batches, Graphs, Recipe, Recorded, recipe_for
from tracedmodel_exporter.verify import demand
from tracedmodel_runtime.backend import Backend, LoadedGraph, Saved, Traced


@dataclass(frozen=True)
class Origin:
    """What a graph's manifest says of where it came from."""

    fingerprint: str
    revision: str
    versions: dict[str, str]


@dataclass(frozen=True)
class _Made:
    """A graph on disk, its modules' files, its golden data, and what it proved if it can be run here."""

    saved: Mapping[ModuleName, Saved]
    compiled_percent: int | None
    recording: Recorded
    proof: Proof | None = None
    benchmark: Benchmark | None = None


@dataclass(frozen=True)
class _Weights:
    """The file that all graphs of a model share, and its content, mapped."""

    path: Path
    content: Any


class Tracer:
    """Traces one model at bucket after bucket; the weights are written, read and stored once."""

    def __init__(
        self,
        request: ExportRequest,
        backend: Backend,
        store: Store,
        folder: Path,
        progress: Progress,
    ) -> None:
        self._request = request
        self._backend = backend
        self._progress = progress
        self._weights: _Weights | None = None
        with progress.step("model", "load"):
            self._recipe: Recipe = recipe_for(
                folder, request.task, request.precision, request.target
            )
        self._shelf = Shelf(store, self._recipe.model)
        self._check_lengths()

    def _check_lengths(self) -> None:
        """Refuse buckets that are longer than the model's positions, before the first is traced."""
        limit = self._recipe.model.card.max_length
        for shape in self._request.buckets:
            if shape.sequence_length > limit:
                message = f"bucket {shape.bucket()}: the model has positions for {limit} tokens"
                raise Failure("SequenceTooLong", message)

    def export(self, bucket: Bucket, origin: Origin, scratch: Path) -> Graph:
        """Trace, save, reopen, verify, measure and publish one bucket; return what is published."""
        # What is kept to the end is the weights alone.
        with tempfile.TemporaryDirectory(dir=scratch) as folder:
            return self._export(bucket, origin, Path(folder))

    def _export(self, bucket: Bucket, origin: Origin, folder: Path) -> Graph:
        recipe = self._recipe
        batches = recipe.batches(bucket)
        with self._step(bucket, "trace"):
            traced = {
                name: self._backend.trace(module, example)
                for name, (module, example) in recipe.modules(bucket, batches).items()
            }
        for name, one in traced.items():
            for note in one.notes:
                self._progress.say(f"{bucket} {name}: {note}")
        with self._step(bucket, "save"):
            saved = {name: self._save(one, folder / name) for name, one in traced.items()}
        with self._step(bucket, "record"):
            recording = recipe.record(bucket, batches)
        made = _Made(saved, _least(traced), recording)
        if self._backend.runs_here:
            made = self._prove(bucket, batches, made)
        with self._step(bucket, "publish"):
            return self._publish(bucket, origin, made)

    def _prove(self, bucket: Bucket, batches: Batches, made: _Made) -> _Made:
        """Prove and measure what was saved, as a server would load it."""
        with self._step(bucket, "reopen"):
            reopened = {name: self._reopen(one) for name, one in made.saved.items()}
        with self._step(bucket, "verify"):
            proof = self._recipe.compare(bucket, made.recording, reopened)
            demand(self._request.limits, proof, bucket)
        with self._step(bucket, "benchmark"):
            benchmark = self._measure(bucket, batches, reopened)
        return replace(made, proof=proof, benchmark=benchmark)

    def _save(self, traced: Traced, folder: Path) -> Saved:
        """Write a graph, and the weights with the first."""
        folder.mkdir()
        known = self._weights
        saved = self._backend.save(traced, folder, known.path if known else None)
        if known is None and saved.weights is not None:
            path = saved.weights.rename(folder.parent.parent / saved.weights.name)
            self._weights = _Weights(path, self._backend.weights(path))
            saved = Saved(saved.graph, path)
        return saved

    def _reopen(self, saved: Saved) -> LoadedGraph:
        """Return what a server would load."""
        return self._backend.load(saved.graph, self._weights.content if self._weights else None)

    def _step(self, bucket: Bucket, name: str) -> AbstractContextManager[None]:
        return self._progress.step(str(bucket), name)

    def _measure(self, bucket: Bucket, batches: Batches, graphs: Graphs) -> Benchmark | None:
        if not self._request.benchmark:
            return None
        times, before = self._recipe.measure(bucket, batches, graphs)
        return Benchmark(
            p50_microseconds=times.quantile(0.5),
            p99_microseconds=times.quantile(0.99),
            eager_p50_microseconds=before.quantile(0.5),
            runs=len(times.microseconds),
            threads=torch.get_num_threads(),
        )

    def _publish(self, bucket: Bucket, origin: Origin, made: _Made) -> Graph:
        request, recipe = self._request, self._recipe
        golden = self._shelf.store.put(made.recording.to_bytes())
        graph = Graph(
            format_version=FORMAT_VERSION,
            fingerprint=origin.fingerprint,
            revision=origin.revision,
            task=request.task,
            target=request.target,
            precision=request.precision,
            compiler=request.compiler,
            bucket=Shape.of(bucket),
            modules=tuple(self._shelf.module(*one) for one in made.saved.items()),
            inputs=recipe.inputs(bucket),
            outputs=recipe.outputs(bucket),
            files=self._shelf.files(),
            golden=Golden(
                blob=golden,
                seed=SEED,
                batches=len(made.recording.batches),
                sampling=recipe.sampling,
            ),
            proof=made.proof,
            benchmark=made.benchmark,
            compiled_percent=made.compiled_percent,
            parameters=recipe.model.parameters,
            versions=origin.versions,
            created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            created_by=f"tracedmodel {__version__}",
        )
        return self._shelf.store.publish(graph)


def _least(traced: Mapping[ModuleName, Traced]) -> int | None:
    """Return the compiled percentage of the module of which least was compiled."""
    found = (one.compiled_percent for one in traced.values())
    return min((percent for percent in found if percent is not None), default=None)
