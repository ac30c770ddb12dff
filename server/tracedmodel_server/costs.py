"""What buckets cost, and the cheapest way to run a number of texts with them."""

from __future__ import annotations

from collections.abc import Mapping

from tracedmodel_api.buckets import Bucket

_BATCHES_AHEAD = 4


class Costs:
    """Seconds by bucket, and for each sequence length the cheapest plan for any number of texts.

    Measured times have noise: a bucket never costs more than one that holds all that it holds.
    """

    def __init__(self, seconds: Mapping[Bucket, float]) -> None:
        self._seconds = {
            bucket: min(cost for other, cost in seconds.items() if _covers(other, bucket))
            for bucket in seconds
        }
        self.lengths = sorted({bucket.sequence_length for bucket in seconds})
        self._plans = {length: self._plan(length) for length in self.lengths}

    def of(self, bucket: Bucket) -> float:
        """Return the seconds of one run of a bucket."""
        return self._seconds[bucket]

    def length_for(self, length: int) -> int | None:
        """Return the shortest sequence length of a bucket that holds ``length`` tokens, or None."""
        return next((known for known in self.lengths if length <= known), None)

    def buckets_from(self, length: int) -> list[Bucket]:
        """Return the buckets that hold a text of ``length`` tokens, those with the fewest cells first."""
        fitting = [bucket for bucket in self._seconds if bucket.sequence_length >= length]
        return sorted(fitting, key=lambda b: (b.batch_size * b.sequence_length, b.sequence_length))

    def best_batch(self, length: int) -> int:
        """Return the batch size at which a text of ``length`` tokens costs least: no wait for more pays."""
        return self._best(length).batch_size

    def of_texts(self, length: int, count: int) -> float:
        """Return the seconds of the cheapest plan for ``count`` texts of one sequence length."""
        plan = self._plans[length]
        if count < len(plan):
            return plan[count]
        best = self._best(length)
        batches = (count - len(plan)) // best.batch_size + 1
        return batches * self.of(best) + plan[count - batches * best.batch_size]

    def _best(self, length: int) -> Bucket:
        return min(
            self.buckets_from(length), key=lambda b: (self.of(b) / b.batch_size, b.batch_size)
        )

    def _plan(self, length: int) -> list[float]:
        """Return the least seconds for 0, 1, 2 … texts, for some batches more than the largest."""
        usable = self.buckets_from(length)
        plan = [0.0]
        for count in range(1, _BATCHES_AHEAD * max(b.batch_size for b in usable) + 1):
            plan.append(min(self.of(b) + plan[max(0, count - b.batch_size)] for b in usable))
        return plan


def _covers(larger: Bucket, smaller: Bucket) -> bool:
    return (
        larger.batch_size >= smaller.batch_size
        and larger.sequence_length >= smaller.sequence_length
    )
