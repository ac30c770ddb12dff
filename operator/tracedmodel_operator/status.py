"""What is true of a resource: its status, made of a snapshot and a plan, without a clock of its own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal

from tracedmodel_api import conditions as c
from tracedmodel_api.report import shorten
from tracedmodel_api.status import (
    MAX_MESSAGE,
    MAX_REQUESTED_AT,
    Condition,
    ExportStatus,
    Failure,
    ModelStatus,
    ServingStatus,
    Status,
)
from tracedmodel_api.types import TracedModel
from tracedmodel_operator.figures import artifact_status
from tracedmodel_operator.moments import spell
from tracedmodel_operator.names import serving_selector
from tracedmodel_operator.observe import Observation
from tracedmodel_operator.plan import Plan
from tracedmodel_operator.proofs import Proofs
from tracedmodel_operator.verdicts import Verdict, judge_rollout, obstacle, verdicts


def make_status(
    resource: TracedModel,
    observation: Observation,
    plan: Plan,
    proofs: Proofs = MappingProxyType({}),
) -> Status:
    """Return the status. Of what the plan sets in motion nothing counts before it was observed.

    ``proofs`` are what a server measured, for graphs of which the export could measure nothing.
    """
    now = spell(observation.now)
    found = verdicts(resource, observation, plan)
    serving = observation.serving
    failure = _failure(observation, plan, now)
    return Status(
        observed_generation=resource.metadata.generation,
        last_handled_requested_at=shorten(resource.requested_at, MAX_REQUESTED_AT) or None,
        conditions=[_condition(resource, kind, verdict, now) for kind, verdict in found.items()],
        model=_model(resource, plan),
        export=_export(resource, plan, now),
        artifact=artifact_status(resource, plan.artifact, proofs, now) or resource.status.artifact,
        serving=_serving(resource, observation, plan),
        replicas=serving.replicas if serving else 0,
        ready_replicas=serving.ready if serving else 0,
        selector=",".join(f"{k}={v}" for k, v in sorted(serving_selector(resource).items())),
        last_failure=_unless_same(resource.status.last_failure, failure),
        failures=_failures(resource, plan),
    )


def invalid_status(item: Mapping[str, Any], error: Exception, now: datetime) -> dict[str, Any]:
    """Return the status of a resource that cannot be read: what stood there, and that nothing is done."""
    before = item.get("status") or {}
    old = {condition["type"]: condition for condition in before.get("conditions") or ()}
    generation = item["metadata"].get("generation", 0)
    made = {}
    unknown = {kind: "Unknown" for kind in (c.EXPORTED, c.AVAILABLE) if kind not in old}
    for kind, value in {c.READY: "False", c.STALLED: "True", **unknown}.items():
        kept = old.get(kind, {})
        moment = kept["lastTransitionTime"] if kept.get("status") == value else spell(now)
        made[kind] = {
            "type": kind,
            "status": value,
            "reason": c.INVALID_SPEC,
            "message": shorten(str(error), MAX_MESSAGE),
            "observedGeneration": generation,
            "lastTransitionTime": moment,
        }
    old.pop(c.RECONCILING, None)
    return {
        **before,
        "observedGeneration": generation,
        "conditions": [*made.values(), *(v for k, v in old.items() if k not in made)],
    }


def _condition(resource: TracedModel, kind: str, verdict: Verdict, now: str) -> Condition:
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


def _export(resource: TracedModel, plan: Plan, now: str) -> ExportStatus | None:
    """Return the last export: its attempts, how it failed, and the commit that its first report resolved it to."""
    before = resource.status.export
    if not plan.fingerprint:
        return before
    if before is None or before.fingerprint != plan.fingerprint:
        before = ExportStatus(fingerprint=plan.fingerprint)
    if plan.artifact is not None:
        return before.model_copy(update={"revision": plan.artifact.report.revision})
    if plan.exporting is None or not plan.exporting.attempt:
        return before  # numbers of the base's earlier Jobs are not forgotten while none is launched
    failure = _of_problem(plan, now)
    retry_at = plan.problem.retry_at if plan.problem else None
    return before.model_copy(
        update={
            "request": plan.request,
            "attempt": plan.exporting.attempt,
            "failure": _unless_same(before.failure, failure) if failure else None,
            "retry_time": spell(retry_at) if retry_at else None,
        }
    )


def _serving(resource: TracedModel, observation: Observation, plan: Plan) -> ServingStatus | None:
    serving, metadata = observation.serving, resource.metadata
    if serving is None:  # gone for a moment: what to return to is still to be known
        return resource.status.serving
    before = resource.status.serving or ServingStatus()
    changes: dict[str, object] = {
        "url": f"http://{metadata.name}.{metadata.namespace}.svc",
        "rejected": plan.rejected,
        "doubt": plan.doubt,
    }
    if plan.serving is not None and judge_rollout(observation, plan).true:
        changes |= {"artifact_digest": plan.serving.digest, "proved_digest": plan.serving.digest}
    elif any(pod.ready for pod in serving.own_pods()):
        changes["proved_digest"] = serving.artifact
    return before.model_copy(update=changes)


def _of_problem(plan: Plan, now: str) -> Failure | None:
    problem = plan.problem
    if problem is None:
        return None
    return _told(problem.reason, problem.message, problem.exit_code, now)


def _failure(observation: Observation, plan: Plan, now: str) -> Failure | None:
    """Return what is wrong now, if anything is."""
    if plan.problem is not None:
        return _of_problem(plan, now)
    if plan.exporting and plan.exporting.trouble:
        told = plan.exporting.trouble
        return _told(told.reason, told.message, None, now)
    serving = observation.serving
    if serving is None or serving.settled():
        return None
    verdict = obstacle(serving)
    ends = [pod.end for pod in serving.own_pods() if pod.end and not pod.ready]
    code = ends[0].exit_code if ends else None
    return _told(verdict.reason, verdict.message, code, now) if verdict else None


def _told(reason: str, message: str, exit_code: int | None, now: str) -> Failure:
    short = shorten(message, MAX_MESSAGE)
    return Failure(reason=reason, message=short, exit_code=exit_code, time=now)


def _unless_same(before: Failure | None, found: Failure | None) -> Failure | None:
    """Return the newest failure; it stays after it was overcome, as history, and its time is when it came."""
    if found is None:
        return before
    if before and found.model_copy(update={"time": before.time}) == before:
        return before
    return found


def _failures(resource: TracedModel, plan: Plan) -> int:
    """Return failures in a row of the request under way."""
    if plan.artifact is not None:
        return 0
    if plan.exporting is None:
        return resource.status.failures
    failed, export = plan.problem is not None, resource.status.export
    if export is None or export.request != plan.request:
        return int(failed)
    counted = export.failure is not None and export.attempt == plan.exporting.attempt
    return resource.status.failures + (failed and not counted)
