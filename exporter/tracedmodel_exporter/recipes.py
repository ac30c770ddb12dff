"""What an export does with a model, by task: which modules it traces, what it records, and how graphs are judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from torch import nn

from tracedmodel_api.buckets import Bucket
from tracedmodel_api.manifest import ModuleName, Proof, TensorSpec
from tracedmodel_api.types import Precision, Target, Task
from tracedmodel_exporter.goldens import SEED, golden_batches, words_of
from tracedmodel_exporter.load import Loaded, load
from tracedmodel_exporter.tasks import TASKS
from tracedmodel_exporter.verify import Run, eager, on_batches
from tracedmodel_runtime.backend import Inputs
from tracedmodel_runtime.golden import SAMPLING, Recording, compare, record
from tracedmodel_runtime.padding import Encoding, PadIds, pad
from tracedmodel_runtime.timing import Times, measure

Batches = Sequence[Sequence[Encoding]]
Graphs = Mapping[ModuleName, Run]
_MEASURING_SECONDS = 2.0


class Recorded(Protocol):
    """Golden data."""

    @property
    def batches(self) -> Batches:
        """Return the golden texts."""
        ...

    def to_bytes(self) -> bytes:
        """Return the golden file."""
        ...


class Recipe(Protocol):
    """One model's recipe."""

    sampling: str

    @property
    def model(self) -> Loaded:
        """Return the model."""
        ...

    def inputs(self, bucket: Bucket) -> tuple[TensorSpec, ...]:
        """Return what the graphs of a bucket read."""
        ...

    def outputs(self, bucket: Bucket) -> tuple[TensorSpec, ...]:
        """Return what they answer, and are judged by."""
        ...

    def batches(self, bucket: Bucket) -> Batches:
        """Return golden texts; raises Failure InvalidRequest for a bucket that can hold none."""
        ...

    def modules(
        self, bucket: Bucket, batches: Batches
    ) -> Mapping[ModuleName, tuple[nn.Module, Inputs]]:
        """Return what is traced, each with example inputs."""
        ...

    def record(self, bucket: Bucket, batches: Batches) -> Any:
        """Return what the eager model answers the golden texts, :class:`Recorded`."""
        ...

    def compare(self, bucket: Bucket, recording: Any, graphs: Graphs) -> Proof:
        """Return how far reopened graphs are from that."""
        ...

    def measure(self, bucket: Bucket, batches: Batches, graphs: Graphs) -> tuple[Times, Times]:
        """Return the times of a full batch, by the graphs and by the eager model."""
        ...


class EncoderRecipe:
    """An encoder with a head is one module, which answers a batch in one run."""

    sampling = SAMPLING

    def __init__(self, model: Loaded) -> None:
        self.model = model
        self._words = words_of(model.tokenizer)
        self._eager = eager(model.reference)

    def inputs(self, bucket: Bucket) -> tuple[TensorSpec, ...]:
        """Return tokens, and what belongs to them."""
        return token_specs(self.model.card.inputs, bucket)

    def outputs(self, bucket: Bucket) -> tuple[TensorSpec, ...]:
        """Return the outputs of the task."""
        return TASKS[self.model.card.task].output_specs(bucket, self.model.width)

    def batches(self, bucket: Bucket) -> Batches:
        """Return texts of the tokenizer's own words."""
        return golden_batches(self.model.tokenizer, self.model.card, bucket, SEED, self._words)

    def modules(
        self, bucket: Bucket, batches: Batches
    ) -> Mapping[ModuleName, tuple[nn.Module, Inputs]]:
        """Return the one module."""
        return {"main": (self.model.module, self._full(bucket, batches))}

    def record(self, bucket: Bucket, batches: Batches) -> Recording:
        """Return samples of the eager outputs."""
        run = on_batches(self._eager, self.model.card, bucket)
        return record(batches, self.outputs(bucket), run, SEED)

    def compare(self, bucket: Bucket, recording: Recording, graphs: Graphs) -> Proof:
        """Compare the one graph."""
        run = on_batches(graphs["main"], self.model.card, bucket)
        return compare(recording, self.outputs(bucket), run)

    def measure(self, bucket: Bucket, batches: Batches, graphs: Graphs) -> tuple[Times, Times]:
        """Time single runs, in turns."""
        full, traced = self._full(bucket, batches), graphs["main"]
        times, before = measure(
            lambda: traced(full), lambda: self._eager(full), seconds=_MEASURING_SECONDS
        )
        return times, before

    def _full(self, bucket: Bucket, batches: Batches) -> Inputs:
        card = self.model.card
        ids = PadIds(card.pad_token_id, card.pad_type_id)
        return pad(batches[0], bucket, card.inputs, ids)


def token_specs(names: Sequence[str], bucket: Bucket) -> tuple[TensorSpec, ...]:
    """Return inputs of int64 (batch, sequence)."""
    shape = (bucket.batch_size, bucket.sequence_length)
    return tuple(
        TensorSpec(name=name, dtype="int64", shape=shape, axes=("batch", "sequence"))
        for name in names
    )


def recipe_for(folder: Path, task: Task, precision: Precision, target: Target) -> Recipe:
    """Load the model in a folder for a task; raises the Failures of its loader."""
    if task is Task.TRANSLATION:
        from tracedmodel_exporter.translation import TranslationRecipe  # noqa: PLC0415  # others do not pay for it
        from tracedmodel_exporter.translation_load import load_translation  # noqa: PLC0415  # as above

        return TranslationRecipe(load_translation(folder, precision, target))
    return EncoderRecipe(load(folder, task, precision, target))
