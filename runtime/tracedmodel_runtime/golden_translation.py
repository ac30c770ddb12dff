"""Golden data of translation: texts with the eager model's hidden states, its answers, and logits along them.

The file is that of :mod:`~tracedmodel_runtime.golden` with hidden states as output 0, and the same once more for the
answers, names prefixed with ``answer.``: their tokens as ids, and logits as output 0, at a few places of each batch.
A graph is judged by numbers where it reads the texts and the answers, and by its own answers, which must be the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

from tracedmodel_api.manifest import OutputError, Proof, TensorSpec
from tracedmodel_api.report import Failure
from tracedmodel_runtime import golden
from tracedmodel_runtime.golden import MAX_COLUMNS, Batches, Recording, Samples
from tracedmodel_runtime.padding import Encoding
from tracedmodel_runtime.search import Found
from tracedmodel_runtime.translator import Read, Translator

Floats = NDArray[np.float32]
Answers = Sequence[Sequence[int]]

SAMPLING = f"{golden.SAMPLING}; of answers {MAX_COLUMNS} columns at 4 places of each batch"
_PLACES = 4
_PREFIX = "answer."
_TIE = 1e-5
"""Answers whose scores differ by less are as good as each other: rounding decides between them."""


class Eager(Protocol):
    """The eager model, whose every output is padded to the bucket or longer."""

    def hidden(self, batch: Sequence[Encoding]) -> Floats:
        """Return the hidden states, (batch, sequence, embedding)."""
        ...

    def translate(self, batch: Sequence[Encoding]) -> Answers:
        """Return the answers, the end token last unless the length was over first."""
        ...

    def logits(self, batch: Sequence[Encoding], answers: Answers, places: Sequence[int]) -> Floats:
        """Return the logits (texts, places, vocabulary) of the answers' tokens at ``places``."""
        ...


@dataclass(frozen=True)
class TranslationRecording:
    """Golden texts and answers, batch by batch, and samples of what the eager model computed of each."""

    texts: Recording
    answers: Recording

    @property
    def batches(self) -> tuple[tuple[Encoding, ...], ...]:
        """Return the texts."""
        return self.texts.batches

    def to_bytes(self) -> bytes:
        """Return the golden file."""
        answers = {_PREFIX + name: array for name, array in self.answers.tensors().items()}
        return save(self.texts.tensors() | answers)

    @classmethod
    def parse(cls, data: bytes) -> TranslationRecording:
        """Return the recording in a golden file."""
        tensors = load(data)
        answers = {n.removeprefix(_PREFIX): t for n, t in tensors.items() if n.startswith(_PREFIX)}
        texts = {n: t for n, t in tensors.items() if not n.startswith(_PREFIX)}
        return cls(Recording.of(texts), Recording.of(answers))


def record(
    batches: Batches, specs: Sequence[TensorSpec], eager: Eager, seed: int
) -> TranslationRecording:
    """Run the eager model on every batch; ``specs`` are those of hidden states and logits.

    Raises :class:`~tracedmodel_api.report.Failure` NotFinite as :func:`compare` does.
    """
    hidden, logits = specs
    texts = golden.record(batches, [hidden], lambda batch: [eager.hidden(batch)], seed)
    draw = np.random.default_rng(seed)
    size = logits.shape[-1]
    columns = np.sort(draw.choice(size, min(size, MAX_COLUMNS), replace=False)).astype(np.int32)
    answers, where, values = [], [], []
    for number, batch in enumerate(batches):
        own = eager.translate(batch)
        places = _places(own, draw)
        found = _demand_finite(eager.logits(batch, own, places), logits)
        for index, place in enumerate(places):
            rows = [row for row, answer in enumerate(own) if place < len(answer)]
            where += [(number, row, place) for row in rows]
            values.append(found[rows, index])
        answers.append(tuple(Encoding(answer) for answer in own))
    lines = np.concatenate(values)
    top = lines.argmax(axis=1).astype(np.int32)
    samples = Samples(np.array(where, np.int32), columns, lines[:, columns], top)
    return TranslationRecording(texts, Recording(tuple(answers), (samples,)))


def compare(
    recording: TranslationRecording, specs: Sequence[TensorSpec], translator: Translator
) -> Proof:
    """Read the golden texts and answers with a graph, translate, and return how far it is from the eager model.

    Agreement is the share of texts whose answer is the eager model's. Raises
    :class:`~tracedmodel_api.report.Failure` NotFinite if a real row or token has NaN or infinity.
    """
    hidden, logits = specs
    agreed, lines = 0, []
    for number, batch in enumerate(recording.batches):
        read = translator.read(batch)
        answers = [answer.ids for answer in recording.answers.batches[number]]
        sampled = _sampled(recording.answers.samples[0], number, translator, read, answers)
        lines += [_demand_finite(found, logits) for found in sampled]
        found = translator.translate(read)
        agreed += sum(map(_agrees, found, answers))
    proof = golden.compare(recording.texts, [hidden], lambda batch: [translator.read(batch).hidden])
    judged = sum(map(len, recording.batches))
    error = _error(logits, recording.answers.samples[0].values, np.concatenate(lines))
    return Proof(errors=(*proof.errors, error), agreement=agreed / judged, samples=judged)


def _places(answers: Answers, draw: np.random.Generator) -> list[int]:
    """Return the first and the last place of the longest answer, and some between, in order."""
    last = max(map(len, answers)) - 1
    between = draw.choice(last + 1, min(last + 1, _PLACES), replace=False).tolist()
    return sorted({0, last, *between[: _PLACES - 2]})


def _sampled(
    samples: Samples, number: int, translator: Translator, read: Read, answers: Answers
) -> Iterator[Floats]:
    """Yield logits (samples, beams, columns) of one batch, place by place."""
    where = samples.where[samples.where[:, 0] == number]
    for place in np.unique(where[:, 2]).tolist():
        rows = where[where[:, 2] == place, 1]
        yield translator.logits(read, answers, place)[rows][:, :, samples.columns]


def _demand_finite(logits: Floats, spec: TensorSpec) -> Floats:
    if not np.isfinite(logits).all():
        raise Failure("NotFinite", f"output {spec.name} has NaN or infinity at shape {spec.shape}")
    return logits


def _error(spec: TensorSpec, reference: Floats, found: Floats) -> OutputError:
    """Return the worst error of any beam: all were given the same."""
    wide = reference.astype(np.float64)
    difference = np.abs(found.astype(np.float64) - wide[:, None])
    return OutputError(
        output=spec.name,
        max_absolute_error=float(difference.max()),
        max_absolute_reference=float(np.abs(wide).max()),
    )


def _agrees(found: Sequence[Found], answer: Sequence[int]) -> bool:
    best = found[0].score - _TIE
    return any(one.tokens == tuple(answer) and one.score >= best for one in found)
