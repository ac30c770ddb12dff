"""How long a batch runs on a NeuronCore, by a model of three terms fitted on what AWS published.

seconds = overhead x models + weights / DRAM bandwidth + batch x FLOPs / rate

- *overhead*, fitted: the part of a call for which the models of one chip wait for one another on the host.
- weights / bandwidth, known: a call reads the encoder's bfloat16 weights once. The chip's bandwidth is not divided among
  its cores: that predicts the rows worse.
- *rate*, fitted: the floating-point operations that a core carries out a second when it is fed.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from tracedmodel_api.buckets import Bucket
from tracedmodel_api.report import Failure
from tracedmodel_server.capacity.times import Spread

DRAM_BYTES_PER_SECOND = 50 * 2**30
"""Of a chip: AWS Neuron SDK 2.20.2, general/arch/neuron-hardware/inf1-arch.rst."""
CORES_PER_CHIP = 4
_BYTES_PER_WEIGHT = 2
PARAMETERS = 2
"""What is fitted: the overhead and the rate."""
WORST_ERROR = 0.20
"""Of the texts a second of a published row, predicted by the model that is fitted on all others."""
MEASURED_LENGTH = 128
"""All published rows have this sequence length: others are computed, not measured."""


@dataclass(frozen=True)
class Encoder:
    """A transformer encoder whose feed-forward part is four times as wide as its hidden size."""

    layers: int
    hidden: int

    @property
    def weights(self) -> int:
        """Return the weights of all layers, embeddings and head left out: those run or stay on the host."""
        return 12 * self.layers * self.hidden**2

    def flops(self, length: int) -> int:
        """Return the floating-point operations of one text: projections, feed-forward, attention."""
        return self.layers * (24 * self.hidden**2 * length + 4 * self.hidden * length**2)


BERT_BASE = Encoder(12, 768)
DISTIL = Encoder(6, 768)


@dataclass(frozen=True)
class Row:
    """A published benchmark on inf1.xlarge: ``workers`` clients for each model, each sending full batches."""

    name: str
    encoder: Encoder
    batch: int
    models: int
    workers: int
    texts_per_second: float
    p50: float
    p99: float

    @property
    def configuration(self) -> tuple[Encoder, int, int, int]:
        """Return what the row measures: rows that differ by fine-tuning alone share it."""
        return self.encoder, self.batch, self.models, self.workers


ROWS = (
    Row("bert-base-cased", BERT_BASE, 8, 4, 2, 1095.4, 0.0583, 0.0650),
    Row("bert-base-uncased", BERT_BASE, 6, 4, 2, 1180.7, 0.0406, 0.0450),
    Row("distilbert-base-uncased", DISTIL, 8, 4, 2, 1876.7, 0.0337, 0.0532),
    Row("distilbert-sst-2", DISTIL, 8, 4, 2, 1875.3, 0.0337, 0.0541),
    Row("distilroberta-base", DISTIL, 6, 4, 1, 1512.9, 0.0150, 0.0259),
    Row("bert-base-cased", BERT_BASE, 1, 1, 1, 125.7, 0.0079, 0.0080),
    Row("bert-base-uncased", BERT_BASE, 3, 1, 1, 284.7, 0.0105, 0.0107),
    Row("distilbert-base-uncased", DISTIL, 6, 1, 1, 538.2, 0.0111, 0.0115),
    Row("distilbert-sst-2", DISTIL, 5, 1, 1, 593.4, 0.0100, 0.0107),
    Row("distilroberta-base", DISTIL, 3, 1, 1, 417.0, 0.0070, 0.0078),
)
"""SDK 2.20.0, PyTorch 1.13.1: aws-neuron-sdk v2.20.2, general/benchmarks/inf1/{throughput,latency}_data_encoder.csv."""


@dataclass(frozen=True)
class CoreModel:
    """The two fitted numbers: seconds of overhead for each model on the chip, and operations a second."""

    overhead: float
    rate: float

    def seconds(
        self, encoder: Encoder, batch: int, length: int, models: int = CORES_PER_CHIP
    ) -> float:
        """Return the seconds of a batch on one core while ``models`` cores of its chip are at work."""
        compute = batch * encoder.flops(length) / self.rate
        return self.overhead * models + _reading(encoder) + compute

    def times(self, encoder: Encoder, buckets: Iterable[Bucket]) -> dict[Bucket, Spread]:
        """Return the times of buckets on a busy chip, with the spread that published rows have."""
        found = {}
        for bucket in buckets:
            if bucket.target_length is not None:
                message = f"no time of {bucket} can be computed: translation needs --times FILE"
                raise Failure("InvalidRequest", message)
            seconds = self.seconds(encoder, bucket.batch_size, bucket.sequence_length)
            found[bucket] = Spread(seconds, seconds * published_spread())
        return found


def fit(rows: Sequence[Row]) -> CoreModel:
    """Return the model with the least squared relative errors of the seconds of a batch.

    A batch of a row took ``models x batch / texts_per_second``: more workers than one keep a core busy, no more.
    """
    seconds = np.array([row.models * row.batch / row.texts_per_second for row in rows])
    known = np.array([_reading(row.encoder) for row in rows])
    terms = np.array(
        [(row.models, row.batch * row.encoder.flops(MEASURED_LENGTH) / 1e12) for row in rows]
    )
    solution = np.linalg.lstsq(terms / seconds[:, None], (seconds - known) / seconds, rcond=None)[0]
    return CoreModel(float(solution[0]), 1e12 / float(solution[1]))


def published_spread() -> float:
    """Return p99 by p50 of a busy chip: the median of the rows with four models."""
    return statistics.median(row.p99 / row.p50 for row in ROWS if row.models > 1)


def parse_encoder(text: str) -> Encoder:
    """Return the encoder that ``12x768`` names; raises Failure InvalidRequest."""
    found = re.fullmatch(r"([1-9]\d{0,2})x([1-9]\d{1,4})", text.strip())
    if found is None:
        message = (
            f"--encoder {text!r}: write LAYERSxHIDDEN as in the model's config.json "
            "(num_hidden_layers, hidden_size), such as 12x768 for BERT-base"
        )
        raise Failure("InvalidRequest", message)
    return Encoder(int(found[1]), int(found[2]))


def _reading(encoder: Encoder) -> float:
    return encoder.weights * _BYTES_PER_WEIGHT / DRAM_BYTES_PER_SECOND
