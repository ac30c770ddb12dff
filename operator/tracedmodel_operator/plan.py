"""What to do next for one resource: a pure function of the resource, its children and the settings.

The steps, each a guard: is it deleted, is there a store, does an artifact answer, does a Job make one, may one be
launched. Whatever artifact there is goes on serving meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from tracedmodel_api import conditions as c
from tracedmodel_api.cores import TooLarge, lay_out
from tracedmodel_api.report import Report
from tracedmodel_api.request import ExportRequest, base_fingerprint, export_request
from tracedmodel_api.status import Doubt, Rejection
from tracedmodel_api.types import Target, TracedModel, is_commit
from tracedmodel_operator.artifacts import Artifact, DisagreementError, compose, merge
from tracedmodel_operator.exports import (
    Exporting,
    Problem,
    Wanted,
    identity_of,
    next_step,
    stale_jobs,
)
from tracedmodel_operator.jobs import ExportJob, JobState
from tracedmodel_operator.names import ChildKey
from tracedmodel_operator.observe import Observation
from tracedmodel_operator.policies import answers, why_export
from tracedmodel_operator.render.neuron import CORES_PER_CHIP
from tracedmodel_operator.rollback import choose, doubted_pods, is_news
from tracedmodel_operator.rollout import newest_first, roll_out
from tracedmodel_operator.scaling import scale, why_not_to_zero
from tracedmodel_operator.settings import Settings
from tracedmodel_operator.stores import StoreRef, store_of

Child = Mapping[str, Any]


@dataclass(frozen=True)
class Plan:
    """What to create, apply, delete and scale, and the facts that the status is made of."""

    fingerprint: str = ""
    request: str = ""
    create: tuple[Child, ...] = ()
    """Children that are not there."""
    apply: tuple[Child, ...] = ()
    """Children that are not as they should be."""
    delete: tuple[ChildKey, ...] = ()
    """Children that nothing needs any more."""
    expire: tuple[str, ...] = ()
    """Jobs whose outcome is on record, so that Kubernetes may remove them."""
    listen: str | None = None
    """A Job that ended, and whose pods must be read before it is judged."""
    replicas: int | None = None
    """Wanted serving pods; None leaves them to an autoscaler."""
    least: int | None = None
    """Of pods that an autoscaler counts, how many have to be up at least; None: all that are wanted."""
    unscaled: str = ""
    """Why nothing decides on the replicas for now."""
    exporting: Exporting | None = None
    artifact: Artifact | None = None
    """The artifact that answers this generation."""
    made: Report | None = None
    """What the Job that made it reported, if it was made just now."""
    serving: Artifact | None = None
    """The artifact that the Deployment is to serve: the answer, or the last good one."""
    rejected: Rejection | None = None
    """The artifact that its servers could not prove."""
    doubt: Doubt | None = None
    """The server's failure that another node is asked about."""
    next_at: datetime | None = None
    """When to do what the status has to remember first."""
    problem: Problem | None = None
    replaces: bool = False
    """Whether running pods are replaced."""
    held: str = ""
    """Why the Deployment is left as it is, as a reason, though it should change."""

    def again_at(self) -> datetime | None:
        """Return when to look again though nothing happened."""
        if self.next_at:
            return self.next_at
        if self.exporting and self.exporting.podless_at and not self.exporting.trouble:
            return self.exporting.podless_at
        held = self.exporting is not None and self.exporting.held
        return self.problem.retry_at if self.problem and not held else None


def make_plan(resource: TracedModel, observation: Observation, settings: Settings) -> Plan:
    """Return what to do next. The same snapshot gives the same plan; carried out, there is nothing left of it."""
    if resource.metadata.deletion_timestamp:
        return Plan()
    store = store_of(resource, settings)
    if isinstance(store, str):
        return Plan(problem=Problem(c.STORE_NOT_SET, store, terminal=True))
    chips = _chips(resource, settings)
    if chips:
        return Plan(problem=Problem(c.WHOLE_CHIPS_ONLY, chips, terminal=True))
    plan = _exported(resource, observation, settings, store)
    unservable = _unservable(resource, settings, plan)
    if unservable:
        return Plan(
            plan.fingerprint,
            plan.request,
            artifact=plan.artifact,
            made=plan.made,
            problem=unservable,
        )
    plan = _served(resource, observation, settings, plan)
    return replace(plan, expire=_on_record(resource, observation, plan))


def _chips(resource: TracedModel, settings: Settings) -> str | None:
    """Return why the cluster cannot give the wanted NeuronCores, if it cannot."""
    cores = resource.spec.neuron_cores
    by_chip = settings.neuron_resource == "aws.amazon.com/neuron"
    if resource.spec.target is Target.CPU or not by_chip or cores % CORES_PER_CHIP == 0:
        return None
    return f"this cluster offers whole chips of {CORES_PER_CHIP} NeuronCores: set serving.neuronCores to 4, 16 or 64"


def _unservable(resource: TracedModel, settings: Settings, plan: Plan) -> Problem | None:
    """Return why no artifact could be served as the resource asks."""
    crowded = _crowded(resource, plan)
    if crowded:
        return Problem(c.CORES_TOO_FEW, crowded, terminal=True)
    asleep = why_not_to_zero(resource, settings)
    return Problem(c.SCALE_TO_ZERO_UNAVAILABLE, asleep, terminal=True) if asleep else None


def _crowded(resource: TracedModel, plan: Plan) -> str | None:
    """Return why the wanted buckets do not fit on the NeuronCores of a replica, once the model's size is known."""
    if resource.spec.target is Target.CPU:
        return None
    known = resource.status.parameters_of(plan.fingerprint)
    parameters = plan.artifact.report.parameters if plan.artifact else known
    if not parameters:
        return None
    spec = resource.spec
    try:
        lay_out(resource.buckets(), parameters, spec.neuron_cores, spec.pipeline_cores)
    except TooLarge as error:
        return str(error)
    return None


def _exported(
    resource: TracedModel, observation: Observation, settings: Settings, store: StoreRef
) -> Plan:
    """Return the artifact that answers the resource, or what is to be done to get one."""
    base = base_fingerprint(resource, store.identity)
    kept = tuple(Artifact.kept(index) for index in newest_first(observation.indexes))
    request = _request(resource, store, base)
    identity = identity_of(resource, request)
    made_report = _reported(observation.latest_job(identity))
    made = compose(resource, base, made_report, store) if made_report else None
    artifacts = (made, *kept) if made else kept
    answer = next((a for a in artifacts if answers(resource, base, a)), None)
    if answer is not None:
        artifact = compose(resource, base, answer.report, store)
        report = made_report if answer is made else None
        stale = stale_jobs(observation)
        return Plan(base, identity, artifact=artifact, made=report, delete=stale)
    why = why_export(resource, base, artifacts)
    assert why is not None  # noqa: S101  # no artifact answers
    wanted = Wanted(identity, request, store, why)
    step = next_step(resource, observation, settings, wanted)
    return Plan(
        base,
        identity,
        create=(step.launch,) if step.launch else (),
        delete=step.delete,
        listen=step.listen,
        exporting=step.exporting,
        problem=step.problem,
    )


def _request(resource: TracedModel, store: StoreRef, base: str) -> ExportRequest:
    """Return the request; a floating revision that was resolved for this base stays what it was."""
    export = resource.status.export
    resolved = export.revision if export and export.fingerprint == base else None
    pinned = resolved if is_commit(resolved) else None
    request = export_request(resource, store.url, pinned)
    return request.model_copy(update={"base_fingerprint": base})


def _reported(job: ExportJob | None) -> Report | None:
    """Return what a Job that succeeded reported."""
    if job is None or job.state is not JobState.SUCCEEDED or not job.reports():
        return None
    try:
        return merge(job.reports())
    except DisagreementError:
        return None


def _served(
    resource: TracedModel, observation: Observation, settings: Settings, plan: Plan
) -> Plan:
    """Add what serves."""
    choice = choose(resource, observation, plan.artifact)
    plan = replace(
        plan,
        rejected=choice.rejected,
        doubt=choice.doubt,
        next_at=observation.now if is_news(choice.doubt, resource) else None,
        problem=plan.problem or choice.problem,
    )
    if choice.serving is None:
        return plan
    scaling = scale(resource, observation, settings)
    rollout = roll_out(resource, observation, settings, choice.serving, plan.artifact)
    return replace(
        plan,
        create=plan.create + rollout.create + scaling.create,
        apply=rollout.apply + scaling.apply,
        delete=plan.delete + rollout.prune + scaling.delete + doubted_pods(resource, observation),
        serving=choice.serving,
        replicas=scaling.replicas,
        least=scaling.least,
        unscaled=scaling.waits,
        replaces=rollout.replaces,
        held=rollout.held,
    )


def _on_record(resource: TracedModel, observation: Observation, plan: Plan) -> tuple[str, ...]:
    """Return the finished Jobs that nobody has to read again: failures in the status, artifacts in their index."""
    export, artifact = resource.status.export, plan.artifact
    recorded = resource.status.artifact.digest if resource.status.artifact else None
    kept = {index.digest for index in observation.indexes}
    done = artifact is not None and artifact.digest == recorded and artifact.digest in kept
    failed = export.attempt if export and export.request == plan.request and export.failure else 0
    return tuple(
        job.name
        for job in observation.jobs
        if job.state is not JobState.ACTIVE
        and not (job.expires or job.leaving)
        and (done or job.request != plan.request or job.attempt <= failed)
    )
