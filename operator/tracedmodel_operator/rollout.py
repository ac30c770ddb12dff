"""What serves: which artifact, by which children, and when an artifact is given up. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tracedmodel_api import conditions as c
from tracedmodel_api.status import Rejection
from tracedmodel_api.types import TracedModel
from tracedmodel_operator.artifacts import Artifact
from tracedmodel_operator.drift import drifted, must_be_remade, replaces_pods, stamped
from tracedmodel_operator.exports import Problem
from tracedmodel_operator.observe import ChildKey, KeptIndex, Observation, Serving
from tracedmodel_operator.render.budget import render_budget
from tracedmodel_operator.render.deployment import render_deployment
from tracedmodel_operator.render.index import render_index
from tracedmodel_operator.render.service import render_service
from tracedmodel_operator.settings import Settings

Child = Mapping[str, Any]

_ARTIFACT_FAULTS = {
    "ProofFailed",
    "LoadFailed",
    "BlobMissing",
    "BlobCorrupt",
    "ManifestInvalid",
    "FormatUnsupported",
}
"""Reasons that speak against an artifact; all others speak against a device, a node or the world."""
_ENOUGH = 2
"""Nodes on which an artifact must fail, or times where there is one node: a single bad chip proves nothing."""


@dataclass(frozen=True)
class Choice:
    """The artifact to serve, the one that was given up, and what is to be told of it."""

    serving: Artifact | None
    rejected: Rejection | None = None
    problem: Problem | None = None


@dataclass(frozen=True)
class Rollout:
    """What to do for the serving children."""

    create: tuple[Child, ...] = ()
    apply: tuple[Child, ...] = ()
    prune: tuple[ChildKey, ...] = ()
    replaces: bool = False
    """Whether running pods are replaced."""
    held: str = ""
    """Why the Deployment is left as it is, as a reason, though it should change."""


def newest_first(indexes: tuple[KeptIndex, ...]) -> list[KeptIndex]:
    """Return indexes by their time."""
    return sorted(indexes, key=lambda index: (index.created, index.name), reverse=True)


def choose(resource: TracedModel, observation: Observation, answer: Artifact | None) -> Choice:
    """Return what is to be served: the answer, or what is served already while there is none or it failed."""
    current, standing = _current(observation), _standing_rejection(resource)
    waits = resource.spec.suspend and current is not None and not _names(standing, answer)
    if answer is None or waits:
        return Choice(current, standing)
    rejected = _rejection(resource, observation, answer)
    if rejected is None:
        return Choice(answer)
    good = _last_good(resource, observation, answer)
    if good is None:
        problem = Problem(rejected.reason, rejected.message, terminal=True)
        return Choice(answer, rejected, problem)
    message = f"{rejected.message}; returned to artifact {good.digest[:12]}"
    return Choice(good, rejected, Problem(c.ROLLED_BACK, message, terminal=True))


def _names(rejection: Rejection | None, answer: Artifact | None) -> bool:
    """Tell whether a rejection is of this artifact, for this request."""
    if rejection is None or answer is None:
        return False
    named = (rejection.artifact_digest, rejection.fingerprint)
    return named == (answer.digest, answer.fingerprint)


def _standing_rejection(resource: TracedModel) -> Rejection | None:
    return resource.status.serving.rejected if resource.status.serving else None


def _current(observation: Observation) -> Artifact | None:
    """Return the artifact that the Deployment serves, if its index is still there."""
    digest = observation.serving.artifact if observation.serving else None
    return _kept(observation, digest)


def _kept(observation: Observation, digest: str | None) -> Artifact | None:
    found = (Artifact.kept(index) for index in observation.indexes if index.digest == digest)
    return next(found, None)


def _last_good(
    resource: TracedModel, observation: Observation, answer: Artifact
) -> Artifact | None:
    """Return the artifact that was rolled out last, if it is another one."""
    digest = resource.status.serving.artifact_digest if resource.status.serving else None
    return None if digest == answer.digest else _kept(observation, digest)


def _rejection(
    resource: TracedModel, observation: Observation, answer: Artifact
) -> Rejection | None:
    """Return why an artifact is not to be served, as the status says or as its servers just showed."""
    before = _standing_rejection(resource)
    if _names(before, answer):
        return before
    serving = observation.serving
    if serving is None or serving.artifact != answer.digest or _was_proved(resource, answer):
        return None
    return _at_fault(serving, answer)


def _was_proved(resource: TracedModel, artifact: Artifact) -> bool:
    serving = resource.status.serving
    return serving is not None and artifact.digest in {
        serving.artifact_digest,
        serving.proved_digest,
    }


def _at_fault(serving: Serving, artifact: Artifact) -> Rejection | None:
    """Return the rejection of an artifact that no server proved and that failed on enough nodes."""
    pods = serving.own_pods()
    failed = [pod for pod in pods if pod.end and pod.end.reason() in _ARTIFACT_FAULTS]
    nodes = sorted({pod.node for pod in failed})
    alone = len({pod.node for pod in pods if pod.node}) <= 1
    times = sum(pod.endings for pod in failed)
    enough = len(nodes) >= _ENOUGH or (alone and times >= _ENOUGH)
    if not enough or any(pod.ready for pod in pods):
        return None
    end = failed[0].end
    assert end is not None  # noqa: S101  # so they were chosen
    where = " and ".join(filter(None, nodes)) or "this machine"
    message = f"artifact {artifact.digest[:12]} failed on {where}: {end.sentence()}"
    return Rejection(
        artifact_digest=artifact.digest,
        fingerprint=artifact.fingerprint,
        reason=end.reason(),
        message=message[:1024],
    )


def roll_out(
    resource: TracedModel,
    observation: Observation,
    settings: Settings,
    serving: Artifact,
    answer: Artifact | None,
) -> Rollout:
    """Return what brings the serving children to what they should be; nothing where they are."""
    deployment = stamped(render_deployment(resource, serving, serving.store, settings))
    rendered = (render_index(resource, serving), render_service(resource), render_budget(resource))
    others = [stamped(child) for child in rendered]
    live = observation.live.get(_key(deployment))
    replaces = live is not None and replaces_pods(deployment, live)
    begins = live is None and resource.status.serving is None
    held = _held(resource, observation, settings) if replaces or begins else ""
    wanted = others if held else [*others, deployment]
    remade = tuple(child for child in wanted if _must_be_remade(child, observation))
    missing = tuple(child for child in wanted if _key(child) not in observation.live)
    apply = tuple(c for c in wanted if c not in remade and _differs(c, observation))
    keep = {serving.digest} | ({answer.digest} if answer else set())
    prune = _superseded(resource, observation, keep, settings) + tuple(map(_key, remade))
    return Rollout(remade + missing, apply, prune, replaces and not held, held)


def _key(child: Child) -> ChildKey:
    return child["kind"], child["metadata"]["name"]


def _differs(child: Child, observation: Observation) -> bool:
    live = observation.live.get(_key(child))
    return live is not None and drifted(child, live)


def _must_be_remade(child: Child, observation: Observation) -> bool:
    live = observation.live.get(_key(child))
    return live is not None and must_be_remade(child, live)


def _held(resource: TracedModel, observation: Observation, settings: Settings) -> str:
    """Return why a rollout does not begin now: suspended, or as many go on as may."""
    if resource.spec.suspend:
        return c.SUSPENDED_BY_USER
    serving = observation.serving
    begins = serving is not None and serving.settled() and serving.available > 0
    full = observation.rollouts_elsewhere >= settings.max_concurrent_rollouts
    return c.ROLLOUT_QUEUED if begins and full else ""


def _superseded(
    resource: TracedModel, observation: Observation, keep: set[str], settings: Settings
) -> tuple[ChildKey, ...]:
    """Return the indexes beyond those that are served, wanted, or kept for going back to."""
    serving, recorded = observation.serving, resource.status.serving
    needed = set(keep)
    if serving:
        needed |= {serving.artifact} | {pod.artifact for pod in serving.pods}
    if recorded and recorded.artifact_digest:
        needed.add(recorded.artifact_digest)
    indexes = newest_first(observation.indexes)
    old = [index for index in indexes if index.digest not in needed]
    room = max(0, settings.kept_indexes - len(needed))
    return tuple(("ConfigMap", index.name) for index in old[room:])
