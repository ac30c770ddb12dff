"""Golden data: recorded inputs with samples of the eager model's outputs, and the comparison with a graph's.

The file is safetensors. Inputs stand as the texts' real tokens, so that whoever compares pads them by its own code:

    ids int32 (tokens), types uint8 (tokens), lengths int32 (batches, batch size; 0 is a filler row)

and of output number i at most a MiB of samples:

    i.where int32 (samples, coordinates): batch, row and, for outputs by token, position
    i.columns int32 (columns): which of the last axis; a vocabulary is sampled, anything smaller is whole
    i.values float32 (samples, columns): the eager model's outputs
    i.top int32 (samples): where the last axis, whole, is largest
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

from tracedmodel_api.manifest import OutputError, Proof, TensorSpec
from tracedmodel_api.report import Failure
from tracedmodel_runtime.padding import Encoding

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Batches = Sequence[Sequence[Encoding]]
RunBatch = Callable[[Sequence[Encoding]], Sequence[Floats]]

MAX_SAMPLE_VALUES = 2**18
MAX_COLUMNS = 256
SAMPLING = f"all real rows and tokens up to {MAX_SAMPLE_VALUES} values, {MAX_COLUMNS} columns of a vocabulary; seeded"
_TIE = 1e-5


@dataclass(frozen=True)
class Samples:
    """Sampled values of one output; see the module for shapes."""

    where: Ints
    columns: Ints
    values: Floats
    top: Ints


@dataclass(frozen=True)
class Recording:
    """Golden batches and what the eager model answered."""

    batches: tuple[tuple[Encoding, ...], ...]
    samples: tuple[Samples, ...]

    def to_bytes(self) -> bytes:
        """Return the golden file."""
        return save(self.tensors())

    def tensors(self) -> dict[str, NDArray[np.generic]]:
        """Return what the golden file holds, by name."""
        rows = [row for batch in self.batches for row in batch]
        width = max(len(batch) for batch in self.batches)
        lengths = np.zeros((len(self.batches), width), np.int32)
        for index, batch in enumerate(self.batches):
            lengths[index, : len(batch)] = [len(row) for row in batch]
        tensors: dict[str, NDArray[np.generic]] = {
            "ids": np.array([token for row in rows for token in row.ids], np.int32),
            "types": np.array([t for row in rows for t in row.types or (0,) * len(row)], np.uint8),
            "lengths": lengths,
        }
        for number, sample in enumerate(self.samples):
            for name in ("where", "columns", "values", "top"):
                tensors[f"{number}.{name}"] = np.ascontiguousarray(getattr(sample, name))
        return tensors

    @classmethod
    def parse(cls, data: bytes) -> Recording:
        """Return the recording in a golden file."""
        return cls.of(load(data))

    @classmethod
    def of(cls, tensors: Mapping[str, NDArray[Any]]) -> Recording:
        """Return the recording that :meth:`tensors` describes."""
        count = sum(name.endswith(".where") for name in tensors)
        samples = (
            Samples(
                *(tensors[f"{number}.{name}"] for name in ("where", "columns", "values", "top"))
            )
            for number in range(count)
        )
        return cls(_rows(tensors), tuple(samples))


def _rows(tensors: Mapping[str, NDArray[Any]]) -> tuple[tuple[Encoding, ...], ...]:
    ids, types = tensors["ids"].tolist(), tensors["types"].tolist()
    batches, start = [], 0
    for lengths in tensors["lengths"].tolist():
        batch = []
        for length in filter(None, lengths):
            part = slice(start, start + length)
            batch.append(Encoding(ids[part], types[part]))
            start += length
        batches.append(tuple(batch))
    return tuple(batches)


def record(batches: Batches, specs: Sequence[TensorSpec], run: RunBatch, seed: int) -> Recording:
    """Run the eager model on every batch and keep samples of what it answered.

    ``run`` takes the encodings of one batch and returns its outputs, padded, float32. Raises
    :class:`~tracedmodel_api.report.Failure` NotFinite as :func:`compare` does.
    """
    draw = np.random.default_rng(seed)
    places = [_places(batches, spec, draw) for spec in specs]
    columns = [_columns(spec, draw) for spec in specs]
    found: list[list[tuple[Floats, Ints]]] = [[] for _ in specs]
    for number, batch in enumerate(batches):
        for index, output in enumerate(run(batch)):
            _demand_finite(output, batch, specs[index])
            where = places[index][places[index][:, 0] == number]
            found[index].append(_sample(output, where, columns[index], batch, specs[index]))
    samples = (
        Samples(
            places[index],
            columns[index],
            np.concatenate([values for values, _ in parts]),
            np.concatenate([top for _, top in parts]),
        )
        for index, parts in enumerate(found)
    )
    return Recording(tuple(tuple(batch) for batch in batches), tuple(samples))


def compare(recording: Recording, specs: Sequence[TensorSpec], run: RunBatch) -> Proof:
    """Run a graph on the golden batches and return how far it is from the eager model.

    Raises :class:`~tracedmodel_api.report.Failure` NotFinite if a real row or token has NaN or infinity.
    """
    fresh: list[list[tuple[Floats, Ints]]] = [[] for _ in specs]
    for number, batch in enumerate(recording.batches):
        for index, output in enumerate(run(batch)):
            _demand_finite(output, batch, specs[index])
            sample = recording.samples[index]
            where = sample.where[sample.where[:, 0] == number]
            fresh[index].append(_sample(output, where, sample.columns, batch, specs[index]))
    errors, agreed, judged = [], 0, 0
    for spec, sample, parts in zip(specs, recording.samples, fresh, strict=True):
        values = np.concatenate([part for part, _ in parts])
        top = np.concatenate([part for _, part in parts])
        errors.append(_error(spec, sample, values))
        agreement = _agreement(spec, sample, values, top)
        agreed, judged = agreed + int(agreement.sum()), judged + agreement.size
    return Proof(errors=tuple(errors), agreement=agreed / max(judged, 1), samples=judged)


def _places(batches: Batches, spec: TensorSpec, draw: np.random.Generator) -> Ints:
    """Return the coordinates of all real rows, or of real tokens where an output has them before its last axis."""
    by_token = spec.axes[:-1] == ("batch", "sequence")
    found = [
        (number, row, position) if by_token else (number, row)
        for number, batch in enumerate(batches)
        for row, encoding in enumerate(batch)
        for position in range(len(encoding) if by_token else 1)
    ]
    places = np.array(found, np.int32)
    # A sample is its values, its coordinates and its top: where there are few values, those are most of it.
    each = min(spec.shape[-1], _most_columns(spec)) + places.shape[1] + 1
    most = max(1, MAX_SAMPLE_VALUES // each)
    if len(places) > most:
        places = places[np.sort(draw.choice(len(places), most, replace=False))]
    return places


def _most_columns(spec: TensorSpec) -> int:
    return MAX_COLUMNS if spec.axes[-1] == "vocabulary" else spec.shape[-1]


def _columns(spec: TensorSpec, draw: np.random.Generator) -> Ints:
    width = spec.shape[-1]
    if width <= _most_columns(spec):
        return np.arange(width, dtype=np.int32)
    return np.sort(draw.choice(width, MAX_COLUMNS, replace=False)).astype(np.int32)


def _sample(
    output: Floats, where: Ints, columns: Ints, batch: Sequence[Encoding], spec: TensorSpec
) -> tuple[Floats, Ints]:
    """Return values (samples, columns) and the largest place (samples); padding positions of a span are no value."""
    lines = output[tuple(where[:, axis] for axis in range(1, where.shape[1]))]
    if spec.axes[-1] == "sequence":
        lengths = np.array([len(encoding) for encoding in batch])[where[:, 1]]
        beyond = np.arange(lines.shape[1]) >= lengths[:, None]
        lines = np.where(beyond, np.float32(-np.inf), lines)
    top = lines.argmax(axis=1).astype(np.int32)
    return lines[:, columns].astype(np.float32), top


def _demand_finite(output: Floats, batch: Sequence[Encoding], spec: TensorSpec) -> None:
    for row, encoding in enumerate(batch):
        real = output[row, : len(encoding)] if "sequence" in spec.axes else output[row]
        if not np.isfinite(real).all():
            raise Failure(
                "NotFinite", f"output {spec.name} has NaN or infinity at shape {spec.shape}"
            )


def _error(spec: TensorSpec, sample: Samples, values: Floats) -> OutputError:
    real = np.isfinite(sample.values)
    reference = sample.values[real].astype(np.float64)
    difference = np.abs(values[real].astype(np.float64) - reference)
    return OutputError(
        output=spec.name,
        max_absolute_error=float(difference.max(initial=0.0)),
        max_absolute_reference=float(np.abs(reference).max(initial=0.0)),
    )


def _agreement(spec: TensorSpec, sample: Samples, values: Floats, top: Ints) -> NDArray[np.bool_]:
    if spec.axes == ("batch", "embedding"):
        return _same_neighbours(sample.values, values)
    return np.asarray(top == sample.top)


def _same_neighbours(reference: Floats, values: Floats) -> NDArray[np.bool_]:
    """Tell for each embedding whether its nearest other one, by cosine, is a nearest one of the eager model too."""
    if len(reference) <= 1:
        return np.ones(len(reference), np.bool_)
    expected, found = _similarities(reference), _similarities(values)
    rows = np.arange(len(reference))
    chosen = expected[rows, found.argmax(axis=1)]
    # Texts that are equal have equal embeddings: either is nearest.
    return np.asarray(chosen >= expected.max(axis=1) - _TIE)


def _similarities(embeddings: Floats) -> NDArray[np.float64]:
    wide = embeddings.astype(np.float64)
    unit = wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12)
    similarity = unit @ unit.T
    np.fill_diagonal(similarity, -np.inf)
    return np.asarray(similarity)
