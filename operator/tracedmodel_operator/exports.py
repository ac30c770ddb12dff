"""What an export needs next: wait for its Job, launch one, back off, or stop. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Any

from tracedmodel_api import conditions as c
from tracedmodel_api.canonical import fingerprint as digest_of
from tracedmodel_api.request import ExportRequest
from tracedmodel_api.status import ExportStatus
from tracedmodel_api.types import TracedModel
from tracedmodel_operator.artifacts import DisagreementError, merge
from tracedmodel_operator.jobs import ExportJob, JobState
from tracedmodel_operator.moments import read
from tracedmodel_operator.names import ChildKey
from tracedmodel_operator.observe import Observation
from tracedmodel_operator.podstate import Trouble
from tracedmodel_operator.policies import Why
from tracedmodel_operator.render.job import Launch, render_job
from tracedmodel_operator.settings import Settings
from tracedmodel_operator.stores import StoreRef

_LONG_AGO = datetime.fromtimestamp(0, timezone.utc)
_JITTER = 0.2
"""Share of a wait that is cut by chance, so that what failed together does not come again together."""


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
    trouble: Trouble | None = None
    """Why its pods do not start."""
    held: bool = False
    """Whether spec.suspend keeps the next Job from being launched."""
    podless_at: datetime | None = None
    """When it is told that the Job has no pod, if it gets none before."""


@dataclass(frozen=True)
class Wanted:
    """An export that no artifact answers; ``identity`` is that of all that its outcome depends on."""

    identity: str
    request: ExportRequest
    store: StoreRef
    why: Why


@dataclass(frozen=True)
class Step:
    """What to do for an export."""

    exporting: Exporting
    problem: Problem | None = None
    launch: Mapping[str, Any] | None = None
    """The Job to create."""
    delete: tuple[ChildKey, ...] = ()
    listen: str | None = None
    """A Job that ended, and whose pods must be read before it is judged."""


def identity_of(resource: TracedModel, request: ExportRequest) -> str:
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


def next_step(
    resource: TracedModel, observation: Observation, settings: Settings, wanted: Wanted
) -> Step:
    """Return what an export needs next."""
    record = _record(resource, wanted)
    job = observation.latest_job(wanted.identity)
    if job and record and record.attempt > job.attempt:
        job = None  # the attempt that the status names is not seen yet, or gone
    if job and (job.leaving or job.state is JobState.ACTIVE):
        running = job.state is JobState.ACTIVE and not job.leaving
        # One of an older request may show only now, when its creation was not answered and its watch was late.
        others = tuple(key for key in stale_jobs(observation) if key != ("Job", job.name))
        exporting = Exporting(
            wanted.why, job.attempt, running, job.trouble, podless_at=job.podless_at
        )
        return Step(exporting, delete=others)
    attempt = job.attempt if job else record.attempt if record else 0
    idle = Exporting(wanted.why, attempt, running=False)
    if job and job.unheard:
        return Step(idle, listen=job.name)
    problem = _problem(resource, job, record, settings)
    if resource.spec.suspend:
        return Step(replace(idle, held=True), problem)
    if problem and not _is_due(problem, observation, record, attempt):
        return Step(idle, problem)
    taken = job is None and observation.attempts(wanted.request.base_fingerprint) >= attempt
    if problem or taken:
        attempt = _next_number(resource, observation, wanted)
    return _launch(resource, observation, settings, wanted, attempt)


def _is_due(
    problem: Problem, observation: Observation, record: ExportStatus | None, attempt: int
) -> bool:
    """Tell whether a failed attempt is to be followed by the next: never before the status tells of it."""
    on_record = record and record.failure and record.attempt == attempt
    return bool(on_record and problem.retry_at and problem.retry_at <= observation.now)


def _record(resource: TracedModel, wanted: Wanted) -> ExportStatus | None:
    """Return what the status says of this very request."""
    export = resource.status.export
    return export if export and export.request == wanted.identity and export.attempt else None


def _next_number(resource: TracedModel, observation: Observation, wanted: Wanted) -> int:
    """Return the first number that no Job of this base ever had."""
    base = wanted.request.base_fingerprint
    export = resource.status.export
    before = export.attempt if export and export.fingerprint == base else 0
    return max(before, observation.attempts(base)) + 1


def _launch(
    resource: TracedModel,
    observation: Observation,
    settings: Settings,
    wanted: Wanted,
    attempt: int,
) -> Step:
    """Return the Job to create, once nothing runs for an older request: one live Job at most."""
    exporting = Exporting(wanted.why, attempt, running=False)
    stale = stale_jobs(observation)
    if stale or any(job.leaving for job in observation.jobs):
        return Step(exporting, delete=stale)
    launch = Launch(wanted.request, wanted.store, wanted.identity, attempt)
    return Step(exporting, launch=render_job(resource, launch, settings))


def stale_jobs(observation: Observation) -> tuple[ChildKey, ...]:
    """Return the Jobs that run."""
    running = (j for j in observation.jobs if j.state is JobState.ACTIVE and not j.leaving)
    return tuple(("Job", job.name) for job in running)


def _problem(
    resource: TracedModel, job: ExportJob | None, record: ExportStatus | None, settings: Settings
) -> Problem | None:
    """Return how the last attempt failed, as the status recorded it or, before that, as its Job tells."""
    if record and record.failure and (job is None or job.attempt == record.attempt):
        failure, at = record.failure, read(record.retry_time)
        return Problem(failure.reason, failure.message, at is None, at, failure.exit_code)
    if job is None:
        return None
    reason, message, terminal, code = _failure(job)
    failures = resource.status.failures if record else 0
    at = None if terminal else _retry_at(resource, job, failures, settings)
    if reason == c.REPORT_LOST and not failures:
        at = job.finished or _LONG_AGO  # what was exported is in the store: the next takes seconds
    return Problem(reason, message, terminal, at, code)


def _failure(job: ExportJob) -> tuple[str, str, bool, int | None]:
    """Return reason, sentence, finality and exit code: the first terminal end of the pods, else the last one."""
    if job.state is JobState.SUCCEEDED:
        return _unusable(job)
    ends = [end for end in job.ends if end.exit_code != 0]
    terminal = [end for end in ends if end.is_terminal()]
    if not terminal and job.word == "DeadlineExceeded":
        last = f"; its pod was {job.trouble.reason}: {job.trouble.message}" if job.trouble else ""
        return c.EXPORT_DEADLINE_EXCEEDED, f"{job.sentence}{last}", False, None
    if not ends:
        message = "the export's pods left no report: they were deleted or evicted"
        return c.EXPORT_FAILED, message, False, None
    end = terminal[0] if terminal else ends[-1]
    return end.reason(), end.sentence(), bool(terminal), end.exit_code


def _unusable(job: ExportJob) -> tuple[str, str, bool, int | None]:
    """Return why a Job that succeeded made no artifact."""
    try:
        merge(job.reports())
    except DisagreementError as error:
        return c.REPORTS_DISAGREE, str(error), True, None
    except ValueError:
        message = "the export succeeded, but its pods are gone with their reports"
        return c.REPORT_LOST, message, False, None
    message = (
        "the export's report lacks buckets or does not meet the tolerance that it was asked for"
    )
    return c.REPORT_LOST, message, False, None


def _retry_at(resource: TracedModel, job: ExportJob, failures: int, settings: Settings) -> datetime:
    """Return when a failed Job is followed by the next. Chance is taken from names, so that it is the same twice."""
    seconds = min(settings.max_backoff_seconds, settings.backoff_seconds * 2 ** min(failures, 16))
    chance = int(digest_of([resource.metadata.uid, job.name])[:8], 16) / 0xFFFFFFFF
    wait = round(seconds * (1 - _JITTER * chance))
    return (job.finished or _LONG_AGO) + timedelta(seconds=wait)
