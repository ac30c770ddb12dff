"""How long a batch of each bucket runs: from measurements, as files spell them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tracedmodel_api.buckets import Bucket
from tracedmodel_api.report import Failure
from tracedmodel_api.status import BucketStatus

_P99_IN_DEVIATIONS = 2.3263478740408408
"""The 99th percentile of the standard normal distribution."""
_PARTS = (2, 4)


@dataclass(frozen=True)
class Spread:
    """Seconds of a batch: lognormal about the median ``p50``, or always ``p50`` where ``p99`` is no more."""

    p50: float
    p99: float

    @property
    def sigma(self) -> float:
        """Return the deviation of the logarithm."""
        return max(0.0, math.log(self.p99 / self.p50) / _P99_IN_DEVIATIONS)

    def longer(self, factor: float) -> Spread:
        """Return the spread of batches that all run so many times as long."""
        return Spread(self.p50 * factor, self.p99 * factor)


Times = Mapping[Bucket, Spread]


def parse_bucket(text: str) -> Bucket:
    """Return the bucket that ``8x128`` names; raises Failure InvalidRequest."""
    parts = text.strip().split("x")
    if len(parts) not in _PARTS or not all(part.isdecimal() and int(part) for part in parts):
        raise Failure(
            "InvalidRequest", f"{text!r} is no bucket: write texts x tokens, such as 8x128"
        )
    return Bucket(*(int(part) for part in parts))


def parse_buckets(text: str) -> list[Bucket]:
    """Return the buckets of a list with commas; raises Failure InvalidRequest."""
    return list(dict.fromkeys(parse_bucket(part) for part in text.split(",")))


def parse_times(text: str, name: str) -> dict[Bucket, Spread]:
    """Return the times in a file: buckets with milliseconds, or what a server's ``/proof`` answers.

    A bucket has a number, or an object with ``p50`` and ``p99``. Raises Failure InvalidRequest.
    """
    try:
        document = json.loads(text)
    except ValueError as error:
        raise Failure("InvalidRequest", f"{name} is no JSON: {error}") from None
    if not isinstance(document, dict) or not document:
        raise Failure("InvalidRequest", f"{name}: {_WANTED}")
    proved = document.get("buckets")
    if isinstance(proved, list):
        return _proved(proved, name)
    return {parse_bucket(key): _spread(value, f"{name}: {key}") for key, value in document.items()}


_WANTED = (
    'write an object of buckets and milliseconds, such as {"8x128": 92} or '
    '{"8x128": {"p50": 92, "p99": 101}}, or save the answer of a server\'s /proof'
)


def of_status(buckets: Iterable[BucketStatus]) -> dict[Bucket, Spread]:
    """Return the times that an artifact's status has; buckets without any are left out."""
    found = {}
    for one in buckets:
        bucket = Bucket(one.batch_size, one.sequence_length, one.target_length, one.beams)
        p50 = one.latency.p50_microseconds
        if p50:
            found[bucket] = Spread(p50 / 1e6, (one.latency.p99_microseconds or p50) / 1e6)
    return found


def demand_times(buckets: Iterable[Bucket], times: Times) -> dict[Bucket, Spread]:
    """Return the times of these buckets; raises Failure InvalidRequest where one has none."""
    wanted = list(buckets)
    missing = sorted(bucket for bucket in wanted if bucket not in times)
    if missing:
        names = ", ".join(str(bucket) for bucket in missing)
        message = (
            f"no time is known for {names}: give --times FILE, or a manifest with a status "
            "(kubectl get tracedmodel NAME -o yaml), or for Inf1 --encoder"
        )
        raise Failure("InvalidRequest", message)
    return {bucket: times[bucket] for bucket in wanted}


def _proved(buckets: list[Any], name: str) -> dict[Bucket, Spread]:
    found = {}
    for one in buckets:
        try:
            bucket = Bucket(
                one["batchSize"], one["sequenceLength"], one.get("targetLength"), one.get("beams")
            )
            p50, p99 = one["p50Microseconds"] / 1000, one["p99Microseconds"] / 1000
        except (KeyError, TypeError, AttributeError):
            raise Failure("InvalidRequest", f"{name}: {_WANTED}") from None
        found[bucket] = _spread({"p50": p50, "p99": p99}, f"{name}: {bucket}")
    return found


def _spread(value: Any, where: str) -> Spread:
    given = value if isinstance(value, dict) else {"p50": value}
    p50 = _milliseconds(given.get("p50"))
    p99 = _milliseconds(given.get("p99", p50))
    if p50 is None or p99 is None or p99 < p50 or not given.keys() <= {"p50", "p99"}:
        raise Failure("InvalidRequest", f"{where}: given {json.dumps(value)}; {_WANTED}")
    return Spread(p50 / 1000, p99 / 1000)


def _milliseconds(value: Any) -> float | None:
    """Return a value that is a time, or None."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if number and math.isfinite(value) and value > 0 else None
