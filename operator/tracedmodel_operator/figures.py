"""What the status says of an artifact: its buckets, with what the export or a server measured of each. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from tracedmodel_api.report import Row
from tracedmodel_api.status import ArtifactStatus, BucketStatus, Latency
from tracedmodel_api.types import TracedModel
from tracedmodel_operator.artifacts import Artifact
from tracedmodel_operator.proofs import Measured, Proofs


def artifact_status(
    resource: TracedModel, artifact: Artifact | None, proofs: Proofs, now: str
) -> ArtifactStatus | None:
    """Return what the status says of the artifact that answers; ``now`` is its time if it was not there before."""
    if artifact is None:
        return None
    before = resource.status.artifact
    same = before is not None and before.digest == artifact.digest
    rows = artifact.report.rows
    known = {bucket.digest: bucket for bucket in before.buckets} if before else {}
    return ArtifactStatus(
        digest=artifact.digest,
        fingerprint=artifact.fingerprint,
        exported_time=before.exported_time if before and same else now,
        bucket_count=len(rows),
        buckets=[_measured(_bucket(row), proofs.get(row.digest), known) for row in rows],
    )


def _bucket(row: Row) -> BucketStatus:
    bucket = row.bucket
    latency = Latency(
        p50_microseconds=row.p50, p99_microseconds=row.p99, eager_p50_microseconds=row.eager_p50
    )
    return BucketStatus(
        batch_size=bucket.batch_size,
        sequence_length=bucket.sequence_length,
        target_length=bucket.target_length,
        beams=bucket.beams,
        digest=row.digest,
        size_bytes=row.size,
        max_absolute_error=None if row.error is None else f"{row.error:.2g}",
        agreement=None if row.agreement is None else f"{row.agreement:.4g}",
        latency=latency,
        compiled_percent=row.compiled_percent,
    )


def _measured(
    bucket: BucketStatus, measured: Measured | None, known: Mapping[str, BucketStatus]
) -> BucketStatus:
    """Return a bucket with a server's figures where its export had none, and those known before where none came now."""
    if bucket.max_absolute_error is not None:
        return bucket
    if measured is None:
        return known.get(bucket.digest, bucket)
    return bucket.model_copy(
        update={
            "max_absolute_error": f"{measured.error:.2g}",
            "agreement": f"{measured.agreement:.4g}",
            "latency": Latency(p50_microseconds=measured.p50, p99_microseconds=measured.p99),
        }
    )
