"""One bucket from eager model to published graph. Everything that needs torch is below this module."""

from __future__ import annotations

import tempfile
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
    Proof,
    Shape,
    TensorSpec,
)
from tracedmodel_api.report import Failure
from tracedmodel_api.request import ExportRequest
from tracedmodel_api.store import Store
from tracedmodel_exporter.goldens import SEED, golden_batches, words_of
from tracedmodel_exporter.load import Loaded, load
from tracedmodel_exporter.progress import Progress
from tracedmodel_exporter.publish import Shelf
from tracedmodel_exporter.tasks import TASKS
from tracedmodel_exporter.verify import Run, demand, eager, on_batches
from tracedmodel_runtime.backend import Backend, Inputs, LoadedGraph, Saved, Traced
from tracedmodel_runtime.golden import SAMPLING, Recording, compare, record
from tracedmodel_runtime.padding import PadIds, pad
from tracedmodel_runtime.timing import measure

_MEASURING_SECONDS = 2.0


@dataclass(frozen=True)
class Origin:
    """What a graph's manifest says of where it came from."""

    fingerprint: str
    revision: str
    versions: dict[str, str]


@dataclass(frozen=True)
class _Made:
    """A graph on disk, its golden data, and what it proved if it can be run here."""

    saved: Saved
    compiled_percent: int | None
    recording: Recording
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
            self._model: Loaded = load(folder, request.task, request.precision, request.target)
        self._words = words_of(self._model.tokenizer)
        self._shelf = Shelf(store, self._model)
        self._check_lengths()

    def _check_lengths(self) -> None:
        """Refuse buckets that are longer than the model's positions, before the first is traced."""
        limit = self._model.card.max_length
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
        card = self._model.card
        outputs = TASKS[card.task].output_specs(bucket, self._model.width)
        batches = golden_batches(self._model.tokenizer, card, bucket, SEED, self._words)
        full = pad(batches[0], bucket, card.inputs, PadIds(card.pad_token_id, card.pad_type_id))
        with self._step(bucket, "trace"):
            traced = self._backend.trace(self._model.module, full)
        for note in traced.notes:
            self._progress.say(f"{bucket}: {note}")
        with self._step(bucket, "save"):
            saved = self._save(traced, folder)
        reference = eager(self._model.reference)
        with self._step(bucket, "record"):
            recording = record(batches, outputs, on_batches(reference, card, bucket), SEED)
        made = _Made(saved, traced.compiled_percent, recording)
        if self._backend.runs_here:
            made = self._prove(bucket, made, outputs, reference, full)
        with self._step(bucket, "publish"):
            return self._publish(bucket, origin, outputs, made)

    def _prove(
        self,
        bucket: Bucket,
        made: _Made,
        outputs: tuple[TensorSpec, ...],
        reference: Run,
        full: Inputs,
    ) -> _Made:
        """Prove and measure what was saved, as a server would load it."""
        with self._step(bucket, "reopen"):
            reopened = self._reopen(made.saved)
        with self._step(bucket, "verify"):
            proof = compare(made.recording, outputs, on_batches(reopened, self._model.card, bucket))
            demand(self._request.limits, proof, bucket)
        with self._step(bucket, "benchmark"):
            benchmark = self._measure(reopened, reference, full)
        return replace(made, proof=proof, benchmark=benchmark)

    def _save(self, traced: Traced, folder: Path) -> Saved:
        """Write a graph, and the weights with the first."""
        known = self._weights
        saved = self._backend.save(traced, folder, known.path if known else None)
        if known is None and saved.weights is not None:
            path = saved.weights.rename(folder.parent / saved.weights.name)
            self._weights = _Weights(path, self._backend.weights(path))
            saved = Saved(saved.graph, path)
        return saved

    def _reopen(self, saved: Saved) -> LoadedGraph:
        """Return what a server would load."""
        return self._backend.load(saved.graph, self._weights.content if self._weights else None)

    def _step(self, bucket: Bucket, name: str) -> AbstractContextManager[None]:
        return self._progress.step(str(bucket), name)

    def _measure(self, traced: Run, reference: Run, inputs: Inputs) -> Benchmark | None:
        if not self._request.benchmark:
            return None
        times, before = measure(
            lambda: traced(inputs), lambda: reference(inputs), seconds=_MEASURING_SECONDS
        )
        return Benchmark(
            p50_microseconds=times.quantile(0.5),
            p99_microseconds=times.quantile(0.99),
            eager_p50_microseconds=before.quantile(0.5),
            runs=len(times.microseconds),
            threads=torch.get_num_threads(),
        )

    def _publish(
        self,
        bucket: Bucket,
        origin: Origin,
        outputs: tuple[TensorSpec, ...],
        made: _Made,
    ) -> Graph:
        request, card = self._request, self._model.card
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
            modules=(self._shelf.module(made.saved),),
            inputs=_input_specs(card.inputs, bucket),
            outputs=outputs,
            files=self._shelf.files(),
            golden=Golden(
                blob=golden, seed=SEED, batches=len(made.recording.batches), sampling=SAMPLING
            ),
            proof=made.proof,
            benchmark=made.benchmark,
            compiled_percent=made.compiled_percent,
            parameters=self._model.parameters,
            versions=origin.versions,
            created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            created_by=f"tracedmodel {__version__}",
        )
        return self._shelf.store.publish(graph)


def _input_specs(names: tuple[str, ...], bucket: Bucket) -> tuple[TensorSpec, ...]:
    shape = (bucket.batch_size, bucket.sequence_length)
    return tuple(
        TensorSpec(name=name, dtype="int64", shape=shape, axes=("batch", "sequence"))
        for name in names
    )
