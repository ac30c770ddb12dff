"""From texts of many lengths to the one shape of a bucket, and back.

A filler row has one unmasked token: a row that attends to nothing would be NaN in bfloat16.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracedmodel_api.buckets import Bucket
from tracedmodel_api.manifest import Axis

Array = NDArray[np.int64]


@dataclass(frozen=True)
class Encoding:
    """One text as tokens: ids, segment types (empty: all the first) and attention mask (empty: all attended)."""

    ids: Sequence[int]
    types: Sequence[int] = ()
    mask: Sequence[int] = ()

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class PadIds:
    """What stands where no token is: the tokenizer's pad token and pad segment type."""

    token: int
    type: int = 0


def pad(
    encodings: Sequence[Encoding], bucket: Bucket, names: Sequence[str], ids: PadIds
) -> tuple[Array, ...]:
    """Return the graph's inputs, in the order of ``names``, each int64 of (batch size, sequence length).

    Raises ``ValueError`` if the texts do not fit the bucket.
    """
    if not bucket.holds(len(encodings), max(map(len, encodings), default=0)):
        raise ValueError(f"{len(encodings)} texts do not fit bucket {bucket}")
    shape = (bucket.batch_size, bucket.sequence_length)
    arrays = {
        "input_ids": np.full(shape, ids.token, np.int64),
        "attention_mask": np.zeros(shape, np.int64),
        "token_type_ids": np.full(shape, ids.type, np.int64),
    }
    for row, encoding in enumerate(encodings):
        length = len(encoding)
        arrays["input_ids"][row, :length] = encoding.ids
        arrays["attention_mask"][row, :length] = encoding.mask or 1
        arrays["token_type_ids"][row, :length] = encoding.types or 0
    arrays["attention_mask"][len(encodings) :, 0] = 1
    return tuple(arrays[name] for name in names)


def unpad(
    outputs: Sequence[NDArray[np.float32]],
    axes: Sequence[Sequence[Axis]],
    encodings: Sequence[Encoding],
) -> list[tuple[NDArray[np.float32], ...]]:
    """Return each text's part of the outputs, without filler rows and padding tokens. The parts are views."""
    return [
        tuple(
            output[row, : len(encoding)] if "sequence" in names else output[row]
            for output, names in zip(outputs, axes, strict=True)
        )
        for row, encoding in enumerate(encodings)
    ]
