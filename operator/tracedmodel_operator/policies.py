"""Why export again: small functions from a snapshot to a reason and a sentence, in the order they are asked.

The same artifact answers a resource as long as none of them speaks. Replicas, resources, batching and images are
in none, so that changing them never exports.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tracedmodel_api.request import wanted_limits
from tracedmodel_api.types import TracedModel
from tracedmodel_operator.artifacts import Artifact, holds, no_stricter, within


@dataclass(frozen=True)
class Question:
    """Does this artifact answer this resource, whose request has this fingerprint?"""

    resource: TracedModel
    fingerprint: str
    artifact: Artifact


@dataclass(frozen=True)
class Why:
    """A reason to export, in a word and a sentence."""

    reason: str
    message: str


Policy = Callable[[Question], "Why | None"]


def request_changed(question: Question) -> Why | None:
    """Model, revision, task, target, precision, compiler, store or requested-at are not those of the artifact."""
    if question.artifact.fingerprint == question.fingerprint:
        return None
    return Why("RequestChanged", "what is to be exported has changed")


def buckets_missing(question: Question) -> Why | None:
    """A wanted bucket is not among the artifact's."""
    wanted = question.resource.buckets()
    if holds(question.artifact.report, wanted):
        return None
    have = {row.bucket for row in question.artifact.report.rows}
    missing = ", ".join(str(bucket) for bucket in wanted if bucket not in have)
    return Why("BucketsMissing", f"the artifact has no bucket {missing}")


def tolerance_tightened(question: Question) -> Why | None:
    """The wanted tolerance may refuse what the artifact's allowed; the exporter judges, from what is recorded."""
    limits = wanted_limits(question.resource)
    wanted = set(question.resource.buckets())
    rows = [row for row in question.artifact.report.rows if row.bucket in wanted]
    if no_stricter(limits, question.artifact.index.limits) or all(
        within(row, limits) for row in rows
    ):
        return None
    return Why(
        "ToleranceTightened", "the tolerance is stricter than the one the artifact was judged by"
    )


EXPORT_AGAIN: tuple[Policy, ...] = (request_changed, buckets_missing, tolerance_tightened)


def why_export(
    resource: TracedModel, fingerprint: str, artifacts: tuple[Artifact, ...]
) -> Why | None:
    """Return why an export is needed, or None if one of the artifacts answers; the newest comes first."""
    if not artifacts:
        return Why("NothingExported", "nothing is exported yet")
    whys = [_first(Question(resource, fingerprint, artifact)) for artifact in artifacts]
    return None if None in whys else whys[0]


def answers(resource: TracedModel, fingerprint: str, artifact: Artifact) -> bool:
    """Tell whether an artifact answers a resource."""
    return _first(Question(resource, fingerprint, artifact)) is None


def _first(question: Question) -> Why | None:
    found = (policy(question) for policy in EXPORT_AGAIN)
    return next((why for why in found if why), None)
