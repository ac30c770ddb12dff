"""From the reports of an export to the artifact: one index of graphs, with what was measured of each."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property

from tracedmodel_api.buckets import Bucket
from tracedmodel_api.manifest import FORMAT_VERSION, Index, Limits
from tracedmodel_api.report import Report, Row
from tracedmodel_api.request import wanted_limits
from tracedmodel_api.types import TracedModel
from tracedmodel_operator.observe import KeptIndex
from tracedmodel_operator.stores import StoreRef


class DisagreementError(Exception):
    """Pods of one export reported different revisions, tokenizers or cards."""


@dataclass(frozen=True)
class Artifact:
    """An index with the figures of its graphs, the request that it answers and the store that it is in."""

    fingerprint: str
    index: Index
    report: Report
    store: StoreRef

    @cached_property
    def digest(self) -> str:
        """Return the artifact's identity."""
        return self.index.identity()

    @classmethod
    def kept(cls, kept: KeptIndex) -> Artifact:
        """Return the artifact of an index that stands in a ConfigMap."""
        return cls(kept.fingerprint, kept.index, kept.report, kept.store)


def merge(reports: tuple[Report, ...]) -> Report:
    """Return the reports of an export's pods as one; raises :class:`DisagreementError`."""
    first, *others = reports
    for other in others:
        for field in ("revision", "files", "parameters"):
            ours, theirs = getattr(first, field), getattr(other, field)
            if ours != theirs:
                raise DisagreementError(
                    f"the export's pods disagree on {field}: {ours} and {theirs}"
                )
    rows = {row.bucket: row for report in reports for row in report.rows}
    cached = sum(report.cached for report in reports)
    return replace(
        first,
        rows=tuple(rows[bucket] for bucket in sorted(rows, key=_size)),
        cached=cached,
        milliseconds=_summed(reports),
    )


def _summed(reports: tuple[Report, ...]) -> tuple[tuple[str, int], ...]:
    total: Counter[str] = Counter()
    for report in reports:
        total.update(dict(report.milliseconds))
    return tuple(total.items())


def compose(resource: TracedModel, fingerprint: str, report: Report, store: StoreRef) -> Artifact:
    """Return the artifact with the wanted buckets of a report and the wanted tolerance."""
    spec, wanted = resource.spec, set(resource.buckets())
    rows = tuple(row for row in report.rows if row.bucket in wanted)
    index = Index(
        format_version=FORMAT_VERSION,
        task=spec.model.task,
        target=spec.target,
        precision=spec.export.precision,
        revision=report.revision or "",
        graphs=tuple(row.digest for row in rows),
        files=dict(report.files),
        limits=wanted_limits(resource),
    )
    return Artifact(
        fingerprint, index, replace(report, rows=rows, cached=0, milliseconds=()), store
    )


def holds(report: Report, buckets: tuple[Bucket, ...]) -> bool:
    """Tell whether every bucket is in a report."""
    return set(buckets) <= {row.bucket for row in report.rows}


def within(row: Row, limits: Limits) -> bool:
    """Tell whether a bucket is surely within limits: its report does not say what the relative part allows."""
    if row.error is None or row.agreement is None:
        return False
    return row.error <= limits.absolute and row.agreement >= limits.min_agreement


def no_stricter(wanted: Limits, proved: Limits) -> bool:
    """Tell whether whatever passed the proved limits passes the wanted ones."""
    return (
        wanted.absolute >= proved.absolute
        and wanted.relative >= proved.relative
        and wanted.min_agreement <= proved.min_agreement
    )


def _size(bucket: Bucket) -> tuple[int, int]:
    return (bucket.batch_size, bucket.sequence_length)
