"""What follows from a new spec, by the operator's own plan: exports, rollouts, what is left alone. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tracedmodel_api import conditions as c
from tracedmodel_api.buckets import Bucket
from tracedmodel_api.types import TracedModel
from tracedmodel_operator.artifacts import Artifact
from tracedmodel_operator.observe import Observation
from tracedmodel_operator.plan import Plan, make_plan
from tracedmodel_operator.podstate import Pod
from tracedmodel_operator.policies import Why, why_export
from tracedmodel_operator.rollout import newest_first
from tracedmodel_operator.settings import Settings

Object = Mapping[str, Any]


@dataclass(frozen=True)
class Foresight:
    """What applying a spec would set in motion."""

    plan: Plan
    why: Why | None
    """Why an export is needed."""
    traced: tuple[Bucket, ...]
    """Buckets that no kept artifact of the same request has."""
    there: tuple[Bucket, ...]
    replaced: tuple[Pod, ...]
    """Serving pods that are replaced at once."""
    later: tuple[Pod, ...]
    """Serving pods that are replaced once the export is done."""
    scaled: tuple[int, int] | None
    """Replicas now and then, where they differ."""


def settings_of(wanted: TracedModel, observation: Observation, settings: Settings) -> Settings:
    """Return settings with the default store that the resource's artifacts are in, where none is known here.

    Without any artifact every default store comes to the same; that the operator has none, the status would say.
    """
    ready = (one for one in wanted.status.conditions if one.type == c.READY)
    missing = any(one.reason == c.STORE_NOT_SET for one in ready)
    if wanted.spec.store or settings.default_store_url or missing:
        return settings
    stores = [index.store.url for index in newest_first(observation.indexes)]
    return settings.with_(default_store_url=next(iter(stores), _SOME_STORE))


_SOME_STORE = "s3://the-operators-default-store"


def foresee(
    live: TracedModel | None, wanted: TracedModel, observation: Observation, settings: Settings
) -> Foresight:
    """Return what follows if ``wanted`` takes the place of ``live``.

    What the operator's own settings, which are not known here, make of the live spec counts as done already.
    """
    base = _as_planned(live, observation, settings) if live else observation
    plan = make_plan(wanted, base, settings)
    kept = tuple(Artifact.kept(index) for index in newest_first(observation.indexes))
    why = (
        why_export(wanted, plan.fingerprint, kept)
        if plan.fingerprint and not plan.artifact
        else None
    )
    have = {
        row.bucket for one in kept if one.fingerprint == plan.fingerprint for row in one.report.rows
    }
    asked = wanted.buckets() if why and not plan.problem else ()
    serving = base.serving
    running = serving.pods if serving else ()
    return Foresight(
        plan,
        why,
        traced=tuple(bucket for bucket in asked if bucket not in have),
        there=tuple(bucket for bucket in asked if bucket in have),
        replaced=running if plan.replaces else (),
        later=running if why and not plan.problem else (),
        scaled=_scaled(plan, base),
    )


def _as_planned(live: TracedModel, observation: Observation, settings: Settings) -> Observation:
    """Return the children as they are once everything that these settings make of the live spec is done."""
    plan = make_plan(live, observation, settings)
    made = {
        (child["kind"], child["metadata"]["name"]): child for child in (*plan.create, *plan.apply)
    }
    return replace(observation, live={**observation.live, **_without_jobs(made)})


def _without_jobs(children: Mapping[tuple[str, str], Object]) -> dict[tuple[str, str], Object]:
    return {key: child for key, child in children.items() if key[0] != "Job"}


def _scaled(plan: Plan, observation: Observation) -> tuple[int, int] | None:
    serving = observation.serving
    if serving is None or plan.replicas is None or plan.replicas == serving.wanted:
        return None
    return serving.wanted, plan.replicas
