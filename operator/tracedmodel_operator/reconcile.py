"""One look at one resource: observe, plan, write the status, carry the plan out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from pydantic import ValidationError

from tracedmodel_api.manifests import InvalidManifest, parse
from tracedmodel_api.report import Report
from tracedmodel_api.status import Status
from tracedmodel_api.types import TracedModel
from tracedmodel_operator.cache import Cache, Key
from tracedmodel_operator.children import Children
from tracedmodel_operator.kinds import CONFIG_MAP, DEPLOYMENT, POD, TRACED_MODEL
from tracedmodel_operator.kube import Kube
from tracedmodel_operator.logs import about
from tracedmodel_operator.names import JOB_NAME
from tracedmodel_operator.observe import Observation, Refusal, observe
from tracedmodel_operator.ownership import belongs
from tracedmodel_operator.plan import Plan, make_plan
from tracedmodel_operator.proofs import ProofReader, ReadProofs, read_proofs
from tracedmodel_operator.remarks import Patience, Remarks
from tracedmodel_operator.settings import Settings
from tracedmodel_operator.slots import Slots
from tracedmodel_operator.status import invalid_status, make_status

Object = Mapping[str, Any]


class Audience(Protocol):
    """Whoever wants to know what changed: events and metrics. What it does must not fail."""

    async def changed(self, item: Object, before: Status, after: Status) -> None:
        """Hear of a status that was written to a TracedModel."""
        ...

    def seen(self, key: Key, status: Status) -> None:
        """Hear what is true of a resource."""
        ...

    def exported(self, report: Report) -> None:
        """Hear of an export that succeeded, once."""
        ...

    async def remarked(self, item: Object, remarks: Remarks) -> None:
        """Hear what should be known of a TracedModel beside its status, at every look."""
        ...

    def gone(self, key: Key) -> None:
        """Hear of a resource that is no more."""
        ...


@dataclass(frozen=True)
class Outcome:
    """What a look came to: when to look again by the clock, whether to try again, and who else should look."""

    again_in: float | None = None
    """Seconds."""
    retry: bool = False
    wake: Key | None = None


class Reconciler:
    """Brings one resource a step nearer to what it asks for. Doing it twice does nothing more.

    The status is written before anything else is: what must be remembered stands there before it is needed.
    """

    def __init__(
        self,
        kube: Kube,
        cache: Cache,
        settings: Settings,
        audience: Audience,
        clock: Callable[[], datetime],
        *,
        read_proofs: ReadProofs = read_proofs,
    ) -> None:
        self._kube = kube
        self._cache = cache
        self._settings = settings
        self._audience = audience
        self._clock = clock
        self._children = Children(kube, cache)
        self._slots = Slots()
        self._patience = Patience()
        self._proofs = ProofReader(read_proofs, settings.serving_port)
        self._refusals: dict[Key, tuple[Refusal, ...]] = {}

    async def reconcile(self, key: Key) -> Outcome:
        """Look at a resource; raises :class:`~tracedmodel_operator.errors.ApiError`."""
        item = self._cache.resource(key)
        if item is None:
            return self._forget(key)
        if item["metadata"].get("deletionTimestamp"):
            return Outcome(wake=self._slots.free(key))
        try:
            resource = read(item)
        except InvalidManifest as error:
            await self._write(item, invalid_status(item, error, self._clock()))
            return Outcome(wake=self._slots.free(key))
        observation = self._observe(key, resource)
        plan = make_plan(resource, observation, self._settings)
        if plan.listen:
            observation = await self._heard(key, resource, plan.listen)
            plan = make_plan(resource, observation, self._settings)
        wake = self._slots.note(key, observation.serving, plan)
        with about(fingerprint=plan.fingerprint[:12]):
            await self._tell(key, item, resource, observation, plan)
            remarks, later = self._patience.remarks(key, resource, observation)
            await self._audience.remarked(item, remarks)
            refused = await self._carry_out(key, resource, observation, plan)
        outcome = self._outcome(key, plan, observation, refused, wake)
        return replace(outcome, again_in=_sooner(outcome.again_in, later))

    async def _tell(
        self, key: Key, item: Object, resource: TracedModel, observation: Observation, plan: Plan
    ) -> None:
        proofs = await self._proofs.of(key, observation, plan)
        status = make_status(resource, observation, plan, proofs)
        self._audience.seen(key, status)
        await self._write(item, status.model_dump(mode="json", by_alias=True, exclude_none=True))
        if plan.made and _digest(status) != _digest(resource.status):
            self._audience.exported(plan.made)

    def _forget(self, key: Key) -> Outcome:
        self._refusals.pop(key, None)
        self._proofs.forget(key)
        self._children.forget(key)
        self._patience.forget(key)
        self._audience.gone(key)
        return Outcome(wake=self._slots.free(key))

    def _observe(self, key: Key, resource: TracedModel) -> Observation:
        children = [child for child in self._cache.children(key) if belongs(child, resource)]
        observation = observe(children, self._clock())
        return replace(
            observation,
            refusals=self._refusals.get(key, ()),
            rollouts_elsewhere=self._slots.elsewhere(key),
        )

    async def _heard(self, key: Key, resource: TracedModel, job: str) -> Observation:
        """Read the pods of a Job that ended: the watch of pods may be behind the watch of Jobs."""
        for pod in await self._kube.all(POD, key[0], f"{JOB_NAME}={job}"):
            self._cache.put(pod)
        return self._observe(key, resource).heard(job)

    async def _write(self, item: Object, status: Object) -> None:
        """Write the status where it differs, and tell of it."""
        before = item.get("status") or {}
        if status == before:
            return
        # A status write does not look at the uid: only the version tells a resource from its successor.
        names = ("name", "namespace", "resourceVersion")
        body = {
            "apiVersion": TRACED_MODEL.api_version,
            "kind": TRACED_MODEL.name,
            "metadata": {name: item["metadata"][name] for name in names},
            "status": status,
        }
        self._cache.put(await self._kube.apply(TRACED_MODEL, body, "status"))
        await self._audience.changed(item, read_status(before), read_status(status))

    async def _carry_out(
        self, key: Key, resource: TracedModel, observation: Observation, plan: Plan
    ) -> tuple[Refusal, ...]:
        """Make the plan so; return what the API server did not take."""
        for child_key in plan.delete:
            await self._children.delete(key, child_key, observation.live.get(child_key))
        refused = await self._write_children(resource, observation, plan)
        if not refused:
            await self._scale(key, plan)
        for job in plan.expire:
            await self._children.expire(key, job, self._settings.job_ttl_seconds)
        return refused

    async def _write_children(
        self, resource: TracedModel, observation: Observation, plan: Plan
    ) -> tuple[Refusal, ...]:
        refused: list[Refusal | None] = []
        for child in plan.create:
            if not _lacks_index(child, refused):
                refused.append(await self._children.create(resource, child))
        for child in plan.apply:
            if not _lacks_index(child, refused):
                live = observation.live[child["kind"], child["metadata"]["name"]]
                refused.append(await self._children.apply(resource, child, live))
        return tuple(filter(None, refused))

    async def _scale(self, key: Key, plan: Plan) -> None:
        if plan.replicas is None or plan.serving is None:
            return
        deployment = self._cache.child(key, (DEPLOYMENT.name, key[1]))
        if deployment and deployment["spec"].get("replicas", 1) != plan.replicas:
            await self._children.scale(key, plan.replicas)

    def _outcome(
        self,
        key: Key,
        plan: Plan,
        observation: Observation,
        refused: tuple[Refusal, ...],
        wake: Key | None,
    ) -> Outcome:
        told = self._refusals.pop(key, ())
        if refused:
            self._refusals[key] = refused
            wake = wake or self._slots.free(key)  # a rollout that is refused goes on nowhere
        at = plan.again_at()
        seconds = max(0.0, (at - observation.now).total_seconds()) if at else None
        # What was refused before and is not any more has to leave the status.
        again = 0.0 if told and not refused else seconds
        return Outcome(again, retry=bool(refused), wake=wake)


def _sooner(one: float | None, other: float | None) -> float | None:
    return min((seconds for seconds in (one, other) if seconds is not None), default=None)


def _lacks_index(child: Object, refused: Sequence[Refusal | None]) -> bool:
    """Tell whether pods would be replaced by ones that cannot start, for want of the index that they mount."""
    kinds = {refusal.child[0] for refusal in refused if refusal}
    return child["kind"] == DEPLOYMENT.name and CONFIG_MAP.name in kinds


def _digest(status: Status) -> str | None:
    return status.artifact.digest if status.artifact else None


def read(item: Object) -> TracedModel:
    """Return a TracedModel; a status that cannot be read, as a newer operator may write, counts as none."""
    document = {**item, "kind": TRACED_MODEL.name, "apiVersion": TRACED_MODEL.api_version}
    try:
        return parse(document)
    except InvalidManifest as error:
        if not any(problem.field.startswith("status") for problem in error.problems):
            raise
        return parse({**document, "status": {}})


def read_status(document: Object) -> Status:
    """Return a status; one that cannot be read counts as none."""
    try:
        return Status.model_validate(document)
    except ValidationError:
        return Status()
