"""Buckets: the shapes that a model is traced at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Bucket:
    """A batch size and a sequence length in tokens; for translation a target length and beams as well."""

    batch_size: int
    sequence_length: int
    target_length: int | None = None
    beams: int | None = None

    def __str__(self) -> str:
        parts = (self.batch_size, self.sequence_length, self.target_length, self.beams)
        return "x".join(str(part) for part in parts if part is not None)

    def as_json(self) -> dict[str, int]:
        """Return the bucket as the resource and the formats spell it."""
        parts = {
            "batchSize": self.batch_size,
            "sequenceLength": self.sequence_length,
            "targetLength": self.target_length,
            "beams": self.beams,
        }
        return {name: value for name, value in parts.items() if value is not None}

    def holds(self, rows: int, length: int) -> bool:
        """Tell whether ``rows`` texts of at most ``length`` tokens fit in."""
        return rows <= self.batch_size and length <= self.sequence_length


def longest(buckets: Iterable[Bucket]) -> int:
    """Return the sequence length that no text may exceed."""
    return max(bucket.sequence_length for bucket in buckets)
