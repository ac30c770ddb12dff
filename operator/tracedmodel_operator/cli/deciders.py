"""What decides on the replicas once a spec is applied, and what becomes of them: the operator's steps to their end. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tracedmodel_api.types import TracedModel
from tracedmodel_operator.kinds import AUTOSCALER, AUTOSCALERS, SCALED_OBJECT
from tracedmodel_operator.names import ChildKey, keda_hpa_name
from tracedmodel_operator.observe import Observation, Serving
from tracedmodel_operator.scaling import Scaling, scale
from tracedmodel_operator.settings import Settings

Object = Mapping[str, Any]
_NONE_YET = Serving("", "", True, 0, 0, 0, 0, 0, False)  # noqa: FBT003  # by the order of its fields


@dataclass(frozen=True)
class Deciding:
    """What decides on the replicas in the end, and what changes on the way there."""

    by: ChildKey | None = None
    """The autoscaler; None is the spec's own number."""
    created: tuple[ChildKey, ...] = ()
    changed: tuple[ChildKey, ...] = ()
    deleted: tuple[ChildKey, ...] = ()
    now: int | None = None
    """Wanted replicas of the Deployment; None without one."""
    then: int = 0
    """Those that it begins with, or that it has as soon as the spec is followed."""
    waits: str = ""
    """What has to be done before, by somebody else."""

    def is_scaled(self) -> bool:
        """Tell whether the Deployment gets another number of replicas."""
        return self.now is not None and self.now != self.then


def decide(wanted: TracedModel, observation: Observation, settings: Settings) -> Deciding:
    """Return what comes of a resource's autoscaling, if nobody but the operator and Kubernetes does anything."""
    before = _without_leaving(wanted, observation)
    seen, step = before, scale(wanted, before, settings)
    applied: set[ChildKey] = set()
    while (after := _carried_out(wanted, step, seen)) != seen:
        applied |= {*map(_key, step.apply)}
        seen, step = after, scale(wanted, after, settings)
    old, new = _autoscalers(before), _autoscalers(seen)
    own = [key for key in new if key[1] == wanted.metadata.name]
    changed = tuple(sorted(applied))
    created = tuple(key for key in new if key not in old)
    serving = before.serving
    return Deciding(
        by=own[0] if own else None,
        created=created,
        changed=changed,
        deleted=tuple(key for key in old if key not in new),
        now=serving.wanted if serving else None,
        then=_within(wanted, seen, bound=bool(created or changed)),
        waits=step.waits,
    )


def _key(child: Object) -> ChildKey:
    return child["kind"], child["metadata"]["name"]


def _autoscalers(observation: Observation) -> list[ChildKey]:
    names = {kind.name for kind in AUTOSCALERS}
    return sorted(key for key in observation.live if key[0] in names)


def _without_leaving(wanted: TracedModel, observation: Observation) -> Observation:
    """Return the children as they are once the autoscalers are gone that are being deleted."""
    leaving = [
        key
        for key in _autoscalers(observation)
        if "deletionTimestamp" in observation.live[key]["metadata"]
    ]
    return _without(wanted, observation, leaving)


def _without(
    wanted: TracedModel, observation: Observation, keys: Iterable[ChildKey]
) -> Observation:
    """Return the children without some; what KEDA made goes with its ScaledObject."""
    gone = {*keys}
    if any(kind == SCALED_OBJECT.name for kind, _ in gone):
        gone.add((AUTOSCALER.name, keda_hpa_name(wanted)))
    live = {key: item for key, item in observation.live.items() if key not in gone}
    return replace(observation, live=live)


def _carried_out(wanted: TracedModel, step: Scaling, observation: Observation) -> Observation:
    """Return the children once a step is done."""
    left = _without(wanted, observation, step.delete)
    made = {_key(child): child for child in (*step.create, *step.apply)}
    serving = left.serving
    if step.replicas is not None:
        serving = replace(serving or _NONE_YET, wanted=step.replicas)
    return replace(left, live={**left.live, **made}, serving=serving)


def _within(wanted: TracedModel, observation: Observation, *, bound: bool) -> int:
    """Return the replicas in the end, within the bounds that an autoscaler is about to be given."""
    scaling, count = wanted.spec.serving.autoscaling, 0
    if observation.serving:
        count = observation.serving.wanted
    if scaling is None or not bound or not count:
        return count
    return min(max(count, scaling.min_replicas, 1), scaling.max_replicas)
