"""What follows from a new spec, by the operator's own plan: exports, rollouts, what is left alone. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tracedmodel_api import conditions as c
from tracedmodel_api.buckets import Bucket
from tracedmodel_api.types import TracedModel
from tracedmodel_operator.artifacts import Artifact
from tracedmodel_operator.cli.deciders import Deciding, decide
from tracedmodel_operator.cli.engine import UNSEEN, Sight, known_to, with_engine
from tracedmodel_operator.exports import Problem
from tracedmodel_operator.kinds import AUTOSCALERS, DEPLOYMENT, DISRUPTION_BUDGET, SERVICE
from tracedmodel_operator.names import ChildKey
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
    deciding: Deciding
    """What decides on the replicas, where the spec is followed."""
    left: tuple[ChildKey, ...]
    """Serving children and autoscalers that stay as they are at once."""
    problem: Problem | None = None
    """What it would end with."""
    assumed: tuple[str, ...] = ()
    """What is taken to be so of the operator's settings, in sentences."""
    unread: str = ""
    """Why autoscalers that may be there could not be read."""


_SERVING = tuple(kind.name for kind in (DEPLOYMENT, SERVICE, DISRUPTION_BUDGET, *AUTOSCALERS))


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
    live: TracedModel | None,
    wanted: TracedModel,
    observation: Observation,
    settings: Settings,
    sight: Sight = UNSEEN,
) -> Foresight:
    """Return what follows if ``wanted`` takes the place of ``live``; ``sight`` is what the namespace shows besides.

    What the operator's own settings, which are not known here, make of the live spec counts as done already.
    """
    settings = settings_of(wanted, observation, settings)
    settings, assumed = with_engine(live, wanted, observation, settings, sight)
    observation = known_to(observation, settings)
    base = _as_planned(live, observation, settings) if live else observation
    plan = make_plan(wanted, base, settings)
    why, have = _export(wanted, plan, observation)
    asked = wanted.buckets() if why and not plan.problem else ()
    deciding = _deciding(wanted, base, settings) if plan.serving or asked else Deciding()
    conflict = _conflict(deciding, sight)
    deciding = replace(deciding, by=None, created=()) if conflict else deciding
    running = base.serving.pods if base.serving else ()
    return Foresight(
        plan,
        why,
        traced=tuple(bucket for bucket in asked if bucket not in have),
        there=tuple(bucket for bucket in asked if bucket in have),
        replaced=running if plan.replaces else (),
        later=running if asked else (),
        deciding=deciding,
        left=_left_alone(wanted, plan, deciding, base),
        problem=plan.problem or conflict,
        assumed=assumed,
        unread=sight.unread,
    )


def _export(
    wanted: TracedModel, plan: Plan, observation: Observation
) -> tuple[Why | None, set[Bucket]]:
    """Return why an export is needed, if it is, and the buckets that kept artifacts of the same request have."""
    kept = tuple(Artifact.kept(index) for index in newest_first(observation.indexes))
    same = (one for one in kept if one.fingerprint == plan.fingerprint)
    have = {row.bucket for one in same for row in one.report.rows}
    needed = plan.fingerprint and not plan.artifact
    return why_export(wanted, plan.fingerprint, kept) if needed else None, have


def _deciding(wanted: TracedModel, observation: Observation, settings: Settings) -> Deciding:
    # What is suspended before it is served is not served, and what would scale it is not made.
    if wanted.spec.suspend and observation.serving is None:
        return Deciding()
    return decide(wanted, observation, settings)


def _as_planned(live: TracedModel, observation: Observation, settings: Settings) -> Observation:
    """Return the children as they are once everything that these settings make of the live spec is done."""
    plan = make_plan(live, observation, settings)
    made = {
        (child["kind"], child["metadata"]["name"]): child for child in (*plan.create, *plan.apply)
    }
    return replace(observation, live={**observation.live, **_without_jobs(made)})


def _without_jobs(children: Mapping[tuple[str, str], Object]) -> dict[tuple[str, str], Object]:
    return {key: child for key, child in children.items() if key[0] != "Job"}


def _conflict(deciding: Deciding, sight: Sight) -> Problem | None:
    """Return that the name of an autoscaler is taken, where it is."""
    for kind, name in deciding.created:
        if (kind, name) in sight.others:
            message = f"{kind} {name} is someone else's; rename it or the TracedModel"
            return Problem(c.NAME_CONFLICT, message, terminal=True)
    return None


def _left_alone(
    wanted: TracedModel, plan: Plan, deciding: Deciding, observation: Observation
) -> tuple[ChildKey, ...]:
    touched = {(child["kind"], child["metadata"]["name"]) for child in (*plan.create, *plan.apply)}
    touched |= {*deciding.created, *deciding.changed, *deciding.deleted}
    kinds = [kind for kind in _SERVING if kind != DEPLOYMENT.name or not deciding.is_scaled()]
    keys = ((kind, wanted.metadata.name) for kind in kinds)
    return tuple(key for key in keys if key in observation.live and key not in touched)
