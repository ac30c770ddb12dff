"""What decides on the number of serving pods: the spec or an autoscaler, and never two at a time. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tracedmodel_api.types import Autoscaling, TracedModel
from tracedmodel_operator import names
from tracedmodel_operator.drift import drifted, stamped
from tracedmodel_operator.kinds import AUTOSCALER, AUTOSCALERS, SCALED_OBJECT
from tracedmodel_operator.names import ChildKey
from tracedmodel_operator.observe import Observation
from tracedmodel_operator.render.autoscaler import render_autoscaler
from tracedmodel_operator.render.scaled_object import render_scaled_object
from tracedmodel_operator.settings import Settings

Child = Mapping[str, Any]
_AUTOSCALERS = tuple(kind.name for kind in AUTOSCALERS)


@dataclass(frozen=True)
class Scaling:
    """What to do for the number of serving pods."""

    create: tuple[Child, ...] = ()
    apply: tuple[Child, ...] = ()
    delete: tuple[ChildKey, ...] = ()
    replicas: int | None = None
    """Wanted serving pods; None leaves them as they are, to an autoscaler."""
    least: int | None = None
    """How many of an autoscaler's pods have to be up at least."""
    waits: str = ""
    """Why nothing decides for now."""


def why_not_to_zero(resource: TracedModel, settings: Settings) -> str:
    """Return why the last replica cannot be taken away by load, though the spec lets it, or nothing."""
    scaling = resource.spec.serving.autoscaling
    if scaling is None or scaling.min_replicas or (settings.keda and settings.scaling.demand_query):
        return ""
    if not settings.keda:
        return (
            "a HorizontalPodAutoscaler cannot scale to zero: set autoscaling.minReplicas to 1 or more, "
            "or have an administrator choose KEDA"
        )
    return (
        "nothing would tell KEDA that somebody asks for a model of which nothing runs: set autoscaling.minReplicas "
        "to 1 or more, or have an administrator set demand_query"
    )


def scale(resource: TracedModel, observation: Observation, settings: Settings) -> Scaling:
    """Return what brings the one that is to decide there, once any other is gone."""
    scaling = resource.spec.serving.autoscaling
    others = _others(resource, observation, settings)
    if others:
        return _without(resource, observation, settings, others)
    if scaling is None:
        return Scaling(replicas=resource.spec.serving.replicas)
    least = max(1, scaling.min_replicas)
    wanted = stamped(render_scaler(resource, scaling, settings))
    live = observation.live.get((wanted["kind"], wanted["metadata"]["name"]))
    if live is not None:
        return Scaling(apply=(wanted,) if drifted(wanted, live) else (), least=least)
    first = _first_replicas(scaling, observation)
    if first is not None:
        return Scaling(replicas=first, least=least)
    return Scaling(create=(wanted,), least=least)


def render_scaler(
    resource: TracedModel, scaling: Autoscaling, settings: Settings
) -> dict[str, Any]:
    """Return the autoscaler that the operator's engine asks for."""
    render = render_scaled_object if settings.keda else render_autoscaler
    return render(resource, scaling, settings)


def _first_replicas(scaling: Autoscaling, observation: Observation) -> int | None:
    """Return the replicas to begin with, before an autoscaler is made; None if it takes over as many as there are.

    It would not raise zero, which to it means that somebody switched it off.
    """
    serving = observation.serving
    if serving is None:
        return max(1, scaling.min_replicas)
    return scaling.min_replicas if serving.wanted < scaling.min_replicas else None


def _others(resource: TracedModel, observation: Observation, settings: Settings) -> list[ChildKey]:
    """Return the autoscalers that are in the way of whatever is to decide, the wanted one too while it is leaving."""
    name = resource.metadata.name
    if resource.spec.serving.autoscaling is None:
        keep = set()
    elif settings.keda:
        keep = {(SCALED_OBJECT.name, name), (AUTOSCALER.name, names.keda_hpa_name(resource))}
    else:
        keep = {(AUTOSCALER.name, name)}
    there = [key for key in observation.live if key[0] in _AUTOSCALERS]
    return sorted(
        key
        for key in there
        if key not in keep or (key[1] == name and _leaves(observation.live[key]))
    )


def _leaves(live: Child) -> bool:
    return "deletionTimestamp" in live["metadata"]


def _without(
    resource: TracedModel, observation: Observation, settings: Settings, others: list[ChildKey]
) -> Scaling:
    """Return that others have to go first; what KEDA made goes with its ScaledObject, which only it can be asked for."""
    name, live = resource.metadata.name, observation.live
    delete = tuple(key for key in others if key[1] == name and not _leaves(live[key]))
    named = " and ".join(f"{kind} {child}" for kind, child in others)
    unseen = (AUTOSCALER.name, names.keda_hpa_name(resource)) in others and not settings.keda
    remedy = f": delete the ScaledObject {name}" if unseen else ""
    return Scaling(delete=delete, waits=f"{named} has to be gone first{remedy}")
