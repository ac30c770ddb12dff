"""What is true of a resource: its status, made of a snapshot and a plan, without a clock of its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Literal

from tracedmodel_api import conditions as c
from tracedmodel_api.report import Row, shorten
from tracedmodel_api.status import (
    MAX_MESSAGE,
    MAX_REQUESTED_AT,
    ArtifactStatus,
    BucketStatus,
    Condition,
    ExportStatus,
    Failure,
    Latency,
    ModelStatus,
    ServingStatus,
    Status,
)
from tracedmodel_api.types import Strategy, TracedModel
from tracedmodel_operator.artifacts import Artifact
from tracedmodel_operator.names import serving_selector
from tracedmodel_operator.observe import Observation, PodEnd, Serving
from tracedmodel_operator.plan import Plan


@dataclass(frozen=True)
class _Verdict:
    """A condition before its times: True or not, why, and in a sentence."""

    true: bool
    reason: str
    message: str


def _yes(reason: str, message: str) -> _Verdict:
    return _Verdict(true=True, reason=reason, message=message)


def _no(reason: str, message: str) -> _Verdict:
    return _Verdict(true=False, reason=reason, message=message)


def make_status(resource: TracedModel, observation: Observation, plan: Plan) -> Status:
    """Return the status. Of what the plan sets in motion nothing counts before it was observed."""
    now = _spell(observation.now)
    exported = _exported(resource, plan)
    rollout = _rollout(observation.serving, plan)
    available = _available(resource, observation.serving)
    verdicts = _verdicts(resource, exported, rollout, available, plan)
    serving = observation.serving
    return Status(
        observed_generation=resource.metadata.generation,
        last_handled_requested_at=shorten(resource.requested_at, MAX_REQUESTED_AT) or None,
        conditions=[_condition(resource, kind, verdict, now) for kind, verdict in verdicts.items()],
        model=_model(resource, plan),
        export=_export(resource, plan),
        artifact=_artifact(resource, plan.artifact, now) or resource.status.artifact,
        serving=_serving(resource, observation, plan, rolled_out=rollout.true),
        replicas=serving.replicas if serving else 0,
        ready_replicas=serving.ready if serving else 0,
        selector=",".join(f"{k}={v}" for k, v in sorted(serving_selector(resource).items())),
        last_failure=_last_failure(resource, observation, plan, now),
        failures=_failures(resource, plan),
    )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _spell(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _exported(resource: TracedModel, plan: Plan) -> _Verdict:
    """Say whether an artifact answers this generation."""
    if plan.artifact is not None:
        count = len(plan.artifact.index.graphs)
        digest = plan.artifact.digest[:12]
        return _yes(c.PUBLISHED, f"artifact {digest} with {_counted(count, 'verified bucket')}")
    if plan.problem is not None and plan.problem.terminal:
        return _no(plan.problem.reason, plan.problem.message)
    if plan.problem is not None:
        at = plan.problem.retry_at
        again = f"; next attempt at {_spell(at)}" if at else ""
        return _no(c.BACKING_OFF, f"{plan.problem.reason}: {plan.problem.message}{again}")
    if plan.exporting is not None and plan.exporting.running:
        why = plan.exporting.why.message
        return _no(c.EXPORT_RUNNING, f"attempt {plan.exporting.attempt} runs: {why}")
    if resource.spec.suspend:
        return _no(c.SUSPENDED_BY_USER, "an export is needed, but spec.suspend is set")
    why = plan.exporting.why.message if plan.exporting else ""
    return _no(c.EXPORT_PENDING, f"an export is about to start: {why}")


def _rollout(serving: Serving | None, plan: Plan) -> _Verdict:
    """Say whether the wanted artifact is served by all wanted replicas."""
    if plan.serving is None or serving is None or serving.artifact != plan.serving.digest:
        return _no(c.ROLLOUT_IN_PROGRESS, "the serving pods are about to be started or replaced")
    if serving.failure is not None and serving.updated and serving.available < serving.wanted:
        end: PodEnd = serving.failure
        return _no(end.reason(), f"a server ended: {end.sentence()}")
    if serving.deadline_exceeded:
        return _no(c.ROLLOUT_FAILED, "the serving pods made no progress within the deadline")
    wanted = serving.wanted if plan.replicas is None else plan.replicas
    settled = serving.current and serving.replicas == serving.updated == serving.wanted == wanted
    if settled and serving.available >= wanted:
        return _yes(c.SUCCEEDED, f"{_counted(serving.available, 'replica')} up")
    return _no(
        c.ROLLOUT_IN_PROGRESS,
        f"{serving.available} of {wanted} replicas are available, {serving.updated} updated",
    )


def _available(resource: TracedModel, serving: Serving | None) -> _Verdict:
    """Say whether some verified artifact answers."""
    if serving is None:
        return _no(c.NOTHING_EXPORTED, "nothing is served yet")
    if serving.available > 0:
        return _yes(
            c.REPLICAS_AVAILABLE, f"{serving.available} of {serving.wanted} replicas are available"
        )
    if serving.wanted == 0:
        return _yes(c.SCALED_TO_ZERO, "no replica is wanted")
    in_place = resource.spec.serving.rollout.strategy is Strategy.IN_PLACE
    reason = c.IN_PLACE_ROLLOUT if in_place and serving.updated else c.REPLICAS_UNAVAILABLE
    return _no(reason, f"0 of {serving.wanted} replicas are available")


def _verdicts(
    resource: TracedModel, exported: _Verdict, rollout: _Verdict, available: _Verdict, plan: Plan
) -> dict[str, _Verdict]:
    """Return all conditions that stand, Ready first."""
    served = (
        plan.artifact is None or plan.serving is None or plan.artifact.digest == plan.serving.digest
    )
    blocker = exported if not exported.true else rollout if not (rollout.true and served) else None
    stalled = _stalled(exported, rollout, plan)
    if blocker is not None and blocker.true:
        blocker = _no(c.SUSPENDED_BY_USER, "the rollout waits, because spec.suspend is set")
    ready = blocker or _yes(c.SUCCEEDED, f"{exported.message}; {rollout.message}")
    found = {c.READY: ready, c.EXPORTED: exported, c.AVAILABLE: available}
    if stalled is not None:
        found[c.STALLED] = stalled
    elif not ready.true and ready.reason != c.SUSPENDED_BY_USER:
        found[c.RECONCILING] = _yes(ready.reason, ready.message)
    if resource.spec.suspend:
        found[c.SUSPENDED] = _yes(c.SUSPENDED_BY_USER, "spec.suspend is set")
    return found


def _stalled(exported: _Verdict, rollout: _Verdict, plan: Plan) -> _Verdict | None:
    """Say why nothing more will happen by itself, if that is so."""
    if plan.problem is not None and plan.problem.terminal:
        return _yes(plan.problem.reason, plan.problem.message)
    going_on = (c.SUCCEEDED, c.ROLLOUT_IN_PROGRESS)
    if exported.true and not rollout.true and rollout.reason not in going_on:
        return _yes(rollout.reason, rollout.message)
    return None


def _condition(resource: TracedModel, kind: str, verdict: _Verdict, now: str) -> Condition:
    """Return a condition; its transition time moves only with its status."""
    status: Literal["True", "False"] = "True" if verdict.true else "False"
    before = next((old for old in resource.status.conditions if old.type == kind), None)
    kept = before.last_transition_time if before and before.status == status else now
    return Condition(
        type=kind,
        status=status,
        reason=verdict.reason,
        message=shorten(verdict.message, MAX_MESSAGE),
        observed_generation=resource.metadata.generation,
        last_transition_time=kept,
    )


def _model(resource: TracedModel, plan: Plan) -> ModelStatus | None:
    if plan.artifact is None:
        return resource.status.model
    report = plan.artifact.report
    return ModelStatus(revision=report.revision, parameters=report.parameters)


def _export(resource: TracedModel, plan: Plan) -> ExportStatus | None:
    """Return the request under way: its attempts, and the commit that its first report resolved it to."""
    if not plan.fingerprint:
        return resource.status.export
    before = resource.status.export
    if before is None or before.fingerprint != plan.fingerprint:
        before = ExportStatus(fingerprint=plan.fingerprint)
    changes: dict[str, object] = {}
    if plan.exporting is not None:
        changes["attempt"] = plan.exporting.attempt
    if plan.artifact is not None:
        changes["revision"] = plan.artifact.report.revision
    return before.model_copy(update=changes)


def _artifact(resource: TracedModel, artifact: Artifact | None, now: str) -> ArtifactStatus | None:
    if artifact is None:
        return None
    before = resource.status.artifact
    same = before is not None and before.digest == artifact.digest
    rows = artifact.report.rows
    return ArtifactStatus(
        digest=artifact.digest,
        fingerprint=artifact.fingerprint,
        exported_time=before.exported_time if before and same else now,
        bucket_count=len(rows),
        buckets=[_bucket(row) for row in rows],
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


def _serving(
    resource: TracedModel, observation: Observation, plan: Plan, *, rolled_out: bool
) -> ServingStatus | None:
    if observation.serving is None:
        return None
    before = resource.status.serving
    digest = before.artifact_digest if before else None
    if rolled_out and plan.serving is not None:
        digest = plan.serving.digest
    metadata = resource.metadata
    return ServingStatus(
        artifact_digest=digest, url=f"http://{metadata.name}.{metadata.namespace}.svc"
    )


def _last_failure(
    resource: TracedModel, observation: Observation, plan: Plan, now: str
) -> Failure | None:
    """Return what went wrong last; it stays after it was overcome, as history."""
    before = resource.status.last_failure
    end = observation.serving.failure if observation.serving else None
    if plan.problem is not None:
        found = (plan.problem.reason, plan.problem.message, plan.problem.exit_code)
    elif end is not None:
        found = (end.reason(), end.sentence(), end.exit_code)
    else:
        return before
    reason, message, code = found
    message = shorten(message, MAX_MESSAGE)
    if before and (before.reason, before.message, before.exit_code) == (reason, message, code):
        return before
    return Failure(reason=reason, message=message, exit_code=code, time=now)


def _failures(resource: TracedModel, plan: Plan) -> int:
    """Return failures in a row of the request under way: every attempt before the one that runs."""
    if plan.artifact is not None or plan.exporting is None:
        return 0 if plan.artifact is not None else resource.status.failures
    failed = plan.problem is not None and plan.problem.exit_code is not None
    return plan.exporting.attempt if failed else max(0, plan.exporting.attempt - 1)
