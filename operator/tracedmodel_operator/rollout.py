"""The children that serve an artifact, and what brings them to what they should be. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tracedmodel_api import conditions as c
from tracedmodel_api.types import TracedModel
from tracedmodel_operator.artifacts import Artifact
from tracedmodel_operator.drift import drifted, must_be_remade, replaces_pods, stamped
from tracedmodel_operator.names import ChildKey
from tracedmodel_operator.observe import KeptIndex, Observation
from tracedmodel_operator.render.budget import render_budget
from tracedmodel_operator.render.deployment import render_deployment
from tracedmodel_operator.render.index import render_index
from tracedmodel_operator.render.service import render_service
from tracedmodel_operator.settings import Settings

Child = Mapping[str, Any]


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
    found = [(child, observation.live.get(_key(child))) for child in wanted]
    missing = tuple(child for child, live in found if live is None)
    there = [(child, live) for child, live in found if live is not None]
    remade = tuple(child for child, live in there if must_be_remade(child, live))
    apply = tuple(child for child, live in there if child not in remade and drifted(child, live))
    keep = {serving.digest} | ({answer.digest} if answer else set())
    prune = _superseded(resource, observation, keep, settings) + tuple(map(_key, remade))
    return Rollout(remade + missing, apply, prune, replaces and not held, held)


def _key(child: Child) -> ChildKey:
    return child["kind"], child["metadata"]["name"]


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
