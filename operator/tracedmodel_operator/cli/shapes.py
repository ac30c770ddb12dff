"""The table of buckets: what was proved and measured of each, and what its servers waste on padding. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from rich.text import Text

from tracedmodel_api.buckets import Bucket
from tracedmodel_api.status import BucketStatus, Status
from tracedmodel_operator.cli.text import UNKNOWN, columns, head

_TITLES = (
    "BUCKET", "P50", "P99", "EAGER P50", "SPEED-UP", "ERROR", "AGREEMENT", "SIZE", "COMPILED", "PADDING",
)  # fmt: skip
Waste = Mapping[str, float]
"""By bucket, the share of computed token places that were padding, from 0 to 1."""


def waste(pages: Iterable[str]) -> Waste:
    """Return the waste that servers' metrics tell; a bucket that never ran has none."""
    tokens: dict[str, defaultdict[str, float]] = {
        "real": defaultdict(float),
        "padding": defaultdict(float),
    }
    for page in pages:
        for family in text_string_to_metric_families(page):
            for sample in family.samples:
                if sample.name == "tracedmodel_tokens_total":
                    tokens[sample.labels["kind"]][sample.labels["bucket"]] += sample.value
    padding, real = tokens["padding"], tokens["real"]
    totals = {bucket: padding[bucket] + real[bucket] for bucket in (*padding, *real)}
    return {bucket: padding[bucket] / total for bucket, total in totals.items() if total}


def shapes(status: Status, wasted: Waste) -> list[Text]:
    """Return the table of a status' buckets."""
    buckets = status.artifact.buckets if status.artifact else []
    rows = [head(*_TITLES), *(_row(bucket, wasted) for bucket in buckets)]
    return columns(rows, right=frozenset(range(1, len(_TITLES))))


def name_of(bucket: BucketStatus) -> str:
    """Return a bucket as everything names it."""
    return str(
        Bucket(bucket.batch_size, bucket.sequence_length, bucket.target_length, bucket.beams)
    )


def _row(bucket: BucketStatus, wasted: Waste) -> list[Text]:
    times, name = bucket.latency, name_of(bucket)
    traced, eager = times.p50_microseconds, times.eager_p50_microseconds
    cells = (
        name,
        _milliseconds(traced),
        _milliseconds(times.p99_microseconds),
        _milliseconds(eager),
        f"{eager / traced:.2f}x" if traced and eager else UNKNOWN,
        bucket.max_absolute_error or UNKNOWN,
        bucket.agreement or UNKNOWN,
        _size(bucket.size_bytes),
        UNKNOWN if bucket.compiled_percent is None else f"{bucket.compiled_percent}%",
        f"{wasted[name]:.0%}" if name in wasted else UNKNOWN,
    )
    return [Text(cell) for cell in cells]


def _milliseconds(microseconds: int | None) -> str:
    return UNKNOWN if microseconds is None else f"{microseconds / 1000:.2f} ms"


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 10**6 else f"{count / 1e3:.0f} kB"


def as_documents(status: Status, wasted: Waste) -> list[dict[str, Any]]:
    """Return the buckets as JSON, with the waste as ``paddingShare``."""
    buckets = status.artifact.buckets if status.artifact else []
    found = [(b, b.model_dump(mode="json", by_alias=True, exclude_none=True)) for b in buckets]
    return [
        document
        | ({"paddingShare": round(wasted[name], 4)} if (name := name_of(b)) in wasted else {})
        for b, document in found
    ]
