"""What to do next for one resource: a pure function of the resource, its children and the settings.

The steps, each a guard: is it deleted, is there a store, does an artifact answer, does a Job make one, may one be
launched. Whatever artifact there is goes on serving meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Any

from tracedmodel_api import conditions
from tracedmodel_api.canonical import fingerprint as digest_of
from tracedmodel_api.report import REASONS, Class
from tracedmodel_api.request import ExportRequest, base_fingerprint, export_request
from tracedmodel_api.types import Target, TracedModel, is_commit
from tracedmodel_operator.artifacts import Artifact, DisagreementError, compose, merge
from tracedmodel_operator.observe import ExportJob, JobState, KeptIndex, Observation
from tracedmodel_operator.policies import Why, answers, why_export
from tracedmodel_operator.render.deployment import CORES_PER_CHIP, render_deployment
from tracedmodel_operator.render.index import render_index
from tracedmodel_operator.render.job import Launch, render_job
from tracedmodel_operator.render.service import render_service
from tracedmodel_operator.settings import Settings
from tracedmodel_operator.stores import StoreRef, store_of

Child = Mapping[str, Any]
_LONG_AGO = datetime.fromtimestamp(0, timezone.utc)


@dataclass(frozen=True)
class Problem:
    """Why there is no artifact for this generation; terminal ones need someone to change something."""

    reason: str
    message: str
    terminal: bool
    retry_at: datetime | None = None
    """When to try again; None for terminal ones."""
    exit_code: int | None = None


@dataclass(frozen=True)
class Exporting:
    """An export that is wanted: why, by which attempt, and whether its Job runs already."""

    why: Why
    attempt: int
    running: bool


@dataclass(frozen=True)
class Plan:
    """What to apply, create, delete and scale, and the facts that the status is made of."""

    fingerprint: str = ""
    create: tuple[Child, ...] = ()
    apply: tuple[Child, ...] = ()
    delete: tuple[tuple[str, str], ...] = ()
    """Kind and name of children that nothing needs any more."""
    replicas: int | None = None
    exporting: Exporting | None = None
    artifact: Artifact | None = None
    """The artifact that answers this generation."""
    serving: Artifact | None = None
    """The artifact that the Deployment is to serve: the answer, or the last one while there is none."""
    problem: Problem | None = None


def make_plan(resource: TracedModel, observation: Observation, settings: Settings) -> Plan:
    """Return what to do next. The same snapshot gives the same plan; carrying it out twice changes nothing."""
    if resource.metadata.deletion_timestamp:
        return Plan()
    store = store_of(resource, settings)
    if isinstance(store, str):
        return Plan(problem=Problem(conditions.STORE_NOT_SET, store, terminal=True))
    chips = _chips(resource, settings)
    if chips:
        return Plan(problem=Problem(conditions.WHOLE_CHIPS_ONLY, chips, terminal=True))
    base = base_fingerprint(resource, store.identity)
    kept = tuple(Artifact.kept(index) for index in _newest_first(observation.indexes))
    request = _request(resource, store, base)
    identity = _identity(resource, request)
    job = observation.latest_job(identity)
    try:
        made = _made(resource, base, job)
    except DisagreementError as error:
        problem = Problem(conditions.REPORTS_DISAGREE, str(error), terminal=True)
        return _serve(resource, observation, settings, store, Plan(base, problem=problem))
    artifacts = (made, *kept) if made else kept
    answer = next((a for a in artifacts if answers(resource, base, a)), None)
    if answer is not None:
        plan = Plan(base, artifact=compose(resource, base, answer.report))
    else:
        why = why_export(resource, base, artifacts) or Why(conditions.EXPORT_PENDING, "")
        launch = Launch(request, store, identity, 0)
        plan = _export(resource, observation, settings, _Wanted(base, why, launch, job))
    return _serve(resource, observation, settings, store, plan)


def _chips(resource: TracedModel, settings: Settings) -> str | None:
    """Return why the cluster cannot give the wanted NeuronCores, if it cannot."""
    cores = resource.spec.serving.neuron_cores or 1
    by_chip = settings.neuron_resource == "aws.amazon.com/neuron"
    if resource.spec.target is Target.CPU or not by_chip or cores % CORES_PER_CHIP == 0:
        return None
    return f"this cluster offers whole chips of {CORES_PER_CHIP} NeuronCores: set serving.neuronCores to 4, 16 or 64"


@dataclass(frozen=True)
class _Wanted:
    """An export that no artifact answers: its request, and its last Job if there was one."""

    base: str
    why: Why
    launch: Launch
    job: ExportJob | None


def _request(resource: TracedModel, store: StoreRef, base: str) -> ExportRequest:
    """Return the request; a floating revision that was resolved for this base stays what it was."""
    export = resource.status.export
    resolved = export.revision if export and export.fingerprint == base else None
    pinned = resolved if is_commit(resolved) else None
    request = export_request(resource, store.url, pinned)
    return request.model_copy(update={"base_fingerprint": base})


def _identity(resource: TracedModel, request: ExportRequest) -> str:
    """Return what a Job's outcome depends on. A revision that was resolved meanwhile makes no other request."""
    spec = resource.spec
    asked = request.as_json() | {"revision": spec.model.revision or ""}
    resources = spec.export.resources
    return digest_of(
        {
            "request": asked,
            "resources": resources.model_dump(mode="json") if resources else None,
            "credentials": [
                spec.model.credentials_secret_name,
                spec.store.credentials_secret_name if spec.store else None,
                spec.service_account_name,
            ],
        }
    )


def _newest_first(indexes: tuple[KeptIndex, ...]) -> list[KeptIndex]:
    return sorted(indexes, key=lambda index: (index.created, index.name), reverse=True)


def _made(resource: TracedModel, base: str, job: ExportJob | None) -> Artifact | None:
    """Return the artifact that a finished Job reported."""
    if job is None or job.state is not JobState.SUCCEEDED:
        return None
    reports = job.reports()
    if not reports:
        return None
    return compose(resource, base, merge(reports))


def _export(
    resource: TracedModel, observation: Observation, settings: Settings, wanted: _Wanted
) -> Plan:
    """Return the plan to get an artifact: wait for a Job, launch one, back off, or stop."""
    job, base = wanted.job, wanted.base
    if job is not None and job.state is JobState.ACTIVE:
        return Plan(base, exporting=Exporting(wanted.why, job.attempt, running=True))
    recorded = resource.status.export
    before = recorded.attempt if recorded and recorded.fingerprint == base else 0
    attempt = max(before, observation.attempts(base)) + 1
    problem = _failure(job, settings) if job and job.state is JobState.FAILED else None
    if problem and (problem.retry_at is None or observation.now < problem.retry_at):
        return Plan(
            base, problem=problem, exporting=Exporting(wanted.why, attempt - 1, running=False)
        )
    if resource.spec.suspend:
        return Plan(base, exporting=Exporting(wanted.why, attempt - 1, running=False))
    # One live Job at most: what runs for an older request goes before the next is made.
    stale = tuple(("Job", j.name) for j in observation.jobs if j.state is JobState.ACTIVE)
    launch = render_job(resource, replace(wanted.launch, attempt=attempt), settings)
    return Plan(
        base,
        create=() if stale else (launch,),
        delete=stale,
        exporting=Exporting(wanted.why, attempt, running=False),
    )


def _failure(job: ExportJob, settings: Settings) -> Problem:
    """Return what a failed Job means: the first terminal end of its pods, else the last one."""
    ends = [end for end in job.ends if end.exit_code != 0]
    if not ends:
        wait = _wait(job, settings)
        message = "the export's pods left no report: deleted, evicted, or out of time"
        return Problem(conditions.EXPORT_FAILED, message, terminal=False, retry_at=wait)
    terminal = [end for end in ends if _is_terminal(end.reason())]
    end = terminal[0] if terminal else ends[-1]
    retry_at = None if terminal else _wait(job, settings)
    return Problem(end.reason(), end.sentence(), bool(terminal), retry_at, end.exit_code)


def _is_terminal(reason: str) -> bool:
    known = REASONS.get(reason)
    return known is not None and known.failure_class is Class.TERMINAL


def _wait(job: ExportJob, settings: Settings) -> datetime:
    """Return when a failed Job may be followed by the next; one that ended nobody knows when, at once."""
    doubled = settings.backoff_seconds * 2 ** min(job.attempt - 1, 16)
    return (job.finished or _LONG_AGO) + timedelta(
        seconds=min(settings.max_backoff_seconds, doubled)
    )


def _serve(
    resource: TracedModel, observation: Observation, settings: Settings, store: StoreRef, plan: Plan
) -> Plan:
    """Add what serves: the answer, or whatever the Deployment serves already."""
    current = _current(observation)
    frozen = resource.spec.suspend and current is not None
    serving = current if frozen or plan.artifact is None else plan.artifact
    if serving is None:
        return plan
    spec = resource.spec.serving
    children = (
        render_index(resource, serving),
        render_service(resource),
        render_deployment(resource, serving, store, settings),
    )
    keep = {serving.digest} | ({plan.artifact.digest} if plan.artifact else set())
    return replace(
        plan,
        apply=children,
        serving=serving,
        replicas=None if spec.autoscaling else spec.replicas,
        delete=plan.delete + _superseded(observation, keep, settings),
    )


def _current(observation: Observation) -> Artifact | None:
    """Return the artifact that the Deployment serves, if its index is still there."""
    serving = observation.serving
    digest = serving.artifact if serving else None
    found = (Artifact.kept(index) for index in observation.indexes if index.digest == digest)
    return next(found, None)


def _superseded(
    observation: Observation, keep: set[str], settings: Settings
) -> tuple[tuple[str, str], ...]:
    """Return the indexes beyond those that are kept for rolling back."""
    served = {observation.serving.artifact} if observation.serving else set()
    old = [i for i in _newest_first(observation.indexes) if i.digest not in keep | served]
    room = max(0, settings.kept_indexes - len(keep | served))
    return tuple(("ConfigMap", index.name) for index in old[room:])
