"""Which engine scales by load, as far as a cluster shows it to somebody who cannot read the operator's settings. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tracedmodel_api import conditions as c
from tracedmodel_api.types import KIND, TracedModel
from tracedmodel_operator.kinds import AUTOSCALERS, SCALED_OBJECT
from tracedmodel_operator.names import MANAGED_BY, MANAGER, ChildKey
from tracedmodel_operator.observe import Observation
from tracedmodel_operator.plan import make_plan
from tracedmodel_operator.settings import PREFIX, Settings

Object = Mapping[str, Any]
_AUTOSCALERS = {kind.name for kind in AUTOSCALERS}
_HPA, _KEDA = "HPA", "KEDA"
_SOME_QUERY = "the operator's demand_query"
_NO_ENGINE = (
    "HorizontalPodAutoscalers scale, as by default: nothing here shows whether the operator uses KEDA; "
    f"{PREFIX}AUTOSCALING=KEDA says so"
)
_NO_DEMAND = (
    "the operator has a demand_query; without one it is Stalled: " + c.SCALE_TO_ZERO_UNAVAILABLE
)


@dataclass(frozen=True)
class Sight:
    """What a namespace shows of autoscaling."""

    knows_keda: bool = True
    """Whether the cluster may know ScaledObjects."""
    unread: str = ""
    """Why its ScaledObjects could not be read."""
    engines: frozenset[str] = frozenset()
    """What made the operator's autoscalers in the namespace, those of other resources too."""
    from_zero: bool = False
    """Whether one of them starts a first replica, which the operator asks for only with a demand_query."""
    others: frozenset[ChildKey] = frozenset()
    """Autoscalers that somebody else made."""

    @classmethod
    def of(cls, items: Iterable[Object], *, knows_keda: bool = True, unread: str = "") -> Sight:
        """Return what the autoscalers of a namespace show."""
        scaling = [item for item in items if item["kind"] in _AUTOSCALERS]
        ours = [item for item in scaling if any(_engines(item))]
        others = [item for item in scaling if not any(_engines(item))]
        return cls(
            knows_keda,
            unread,
            engines=frozenset(engine for item in ours for engine in _engines(item)),
            from_zero=any(item["spec"].get("minReplicaCount") == 0 for item in ours),
            others=frozenset((item["kind"], item["metadata"]["name"]) for item in others),
        )


UNSEEN = Sight()
"""A namespace of which nothing more is known."""


def _engines(item: Object) -> Iterator[str]:
    """Return the engine of an autoscaler that the operator made, or KEDA of what the operator made."""
    labels = item["metadata"].get("labels") or {}
    if labels.get(MANAGED_BY) != MANAGER:
        return
    owners = {owner["kind"] for owner in item["metadata"].get("ownerReferences") or ()}
    if SCALED_OBJECT.name in {item["kind"], *owners}:
        yield _KEDA
    elif KIND in owners:
        yield _HPA


def with_engine(
    live: TracedModel | None,
    wanted: TracedModel,
    observation: Observation,
    settings: Settings,
    sight: Sight,
) -> tuple[Settings, tuple[str, ...]]:
    """Return settings with the engine that scales, and what is only assumed of it, in sentences."""
    engine = _engine(live, observation, settings, sight)
    chosen = settings.with_(autoscaling=engine or _HPA)
    scaling = wanted.spec.serving.autoscaling
    if scaling is None:
        return chosen, ()
    if engine is None:
        return chosen, (_NO_ENGINE,)
    if not chosen.keda or scaling.min_replicas or chosen.scaling.demand_query:
        return chosen, ()
    if live and _says_so(live, observation, chosen):
        return chosen, ()
    query = chosen.scaling.model_copy(update={"demand_query": _SOME_QUERY})
    return chosen.with_(scaling=query), () if sight.from_zero else (_NO_DEMAND,)


def _engine(
    live: TracedModel | None, observation: Observation, settings: Settings, sight: Sight
) -> str | None:
    """Return the engine, by what tells it best; None where nothing does."""
    if not sight.knows_keda:
        return _HPA
    if "autoscaling" in settings.model_fields_set:
        return settings.autoscaling
    engines = (_HPA, _KEDA)
    told = {
        engine
        for engine in engines
        if live and _says_so(live, observation, settings.with_(autoscaling=engine))
    }
    own = Sight.of(observation.live.values()).engines
    known = (found for found in (told, own, sight.engines) if len(found) == 1)
    return next((engine for found in known for engine in found), None)


def _says_so(live: TracedModel, observation: Observation, settings: Settings) -> bool:
    """Tell whether the status says what only an operator with these settings says of the spec as it is."""
    plan = make_plan(live, known_to(observation, settings), settings)
    told = plan.problem.message if plan.problem else plan.unscaled
    ready = next((one for one in live.status.conditions if one.type == c.READY), None)
    telling = (c.SCALE_TO_ZERO_UNAVAILABLE, c.AUTOSCALER_CHANGING)
    return ready is not None and ready.reason in telling and ready.message == told


def known_to(observation: Observation, settings: Settings) -> Observation:
    """Return the children that an operator with these settings knows: without KEDA no ScaledObjects."""
    if settings.keda:
        return observation
    live = {key: item for key, item in observation.live.items() if key[0] != SCALED_OBJECT.name}
    return replace(observation, live=live)
