"""How much work texts are: what workers would need for them if every batch were full.

Workers that run batches all the time may still have room: a batch that leaves half empty takes as long as a full one.
What texts take in full batches grows with their number alone.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from tracedmodel_api.buckets import Bucket


class Work:
    """The seconds of a text by its length, learnt from what runs of buckets cost."""

    def __init__(self) -> None:
        self._costs: dict[Bucket, float] = {}
        self._lengths: list[int] = []
        self._seconds: list[float] = []

    def learn(self, bucket: Bucket, cost: float) -> None:
        """Take note of the seconds that a run of a bucket takes."""
        self._costs[bucket] = cost
        self._lengths = sorted({known.sequence_length for known in self._costs})
        self._seconds = [self._cheapest(length) for length in self._lengths]

    def of(self, lengths: Iterable[int]) -> float:
        """Return the seconds of texts that have been given to buckets which are known; 0 before any is."""
        return sum(map(self._of, lengths))

    def _of(self, length: int) -> float:
        place = bisect_left(self._lengths, length)
        return self._seconds[place] if place < len(self._seconds) else 0.0

    def _cheapest(self, length: int) -> float:
        """Return the seconds of one text of many in the best of the buckets that hold it."""
        return min(
            cost / bucket.batch_size
            for bucket, cost in self._costs.items()
            if bucket.sequence_length >= length
        )
