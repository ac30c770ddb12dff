"""What ``diff`` shows: the fields that differ, and what follows from them. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from rich.text import Text

from tracedmodel_api.buckets import Bucket
from tracedmodel_api.types import Strategy, TracedModel
from tracedmodel_api.words import counted
from tracedmodel_operator.cli.foresight import Foresight
from tracedmodel_operator.cli.text import BAD, BUSY, GOOD, columns
from tracedmodel_operator.podstate import Pod

Object = Mapping[str, Any]


def fields(before: Any, after: Any, path: str = "spec") -> Iterator[str]:
    """Return a line for every field that differs."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}):
            yield from fields(before.get(key), after.get(key), f"{path}.{key}")
    elif isinstance(before, list) and isinstance(after, list):
        yield from (f"- {path}: {_spelt(item)}" for item in before if item not in after)
        yield from (f"+ {path}: {_spelt(item)}" for item in after if item not in before)
    elif before is None and after is not None:
        yield f"+ {path}: {_spelt(after)}"
    elif after is None and before is not None:
        yield f"- {path}: {_spelt(before)}"
    elif before != after:
        yield f"~ {path}: {_spelt(before)} -> {_spelt(after)}"


def _spelt(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def changes(live: Object | None, wanted: TracedModel, after: Object, seen: Foresight) -> list[Text]:
    """Return all that there is to say of one manifest; ``after`` is what the API server would store."""
    name = f"{wanted.metadata.namespace}/{wanted.metadata.name}"
    if live is None:
        lines = [Text(f"{name} is new")]
    else:
        differ = [*fields(live["spec"], after["spec"])]
        lines = [
            Text(f"{name}: {'' if differ else 'the spec is as it is in the cluster'}".rstrip())
        ]
        lines += [Text(f"  {line}", style=_COLOURS[line[0]]) for line in differ]
    rows = [
        [Text(f"{what}:"), Text(told, style=tone)] for what, told, tone in _follows(wanted, seen)
    ]
    return [*lines, *columns(rows)]


_COLOURS = {"+": GOOD, "-": BAD, "~": BUSY}


def _follows(wanted: TracedModel, seen: Foresight) -> Iterator[tuple[str, str, str]]:
    yield from _export(wanted, seen)
    ended = [name for kind, name in seen.plan.delete if kind == "Job"]
    if ended:
        yield "ends", f"the export that runs: Job/{', Job/'.join(ended)}", BUSY
    yield from _rollout(wanted, seen)
    if seen.scaled:
        now, then = seen.scaled
        yield "scale", f"from {now} to {then} replicas", BUSY
    if seen.plan.rejected and seen.plan.artifact:
        yield "rejected", f"{seen.plan.rejected.reason}: {seen.plan.rejected.message}", BAD
    left = _left_alone(wanted, seen)
    if left:
        yield "left alone", ", ".join(left), ""


def _export(wanted: TracedModel, seen: Foresight) -> Iterator[tuple[str, str, str]]:
    plan, why = seen.plan, seen.why
    if plan.problem and not plan.artifact:
        yield "export", f"no: {plan.problem.reason}: {plan.problem.message}", BAD
    elif why is None:
        digest = plan.artifact.digest[:12] if plan.artifact else ""
        yield "export", f"none: artifact {digest} answers", GOOD
    elif wanted.spec.suspend:
        yield "export", f"not before spec.suspend is false: {why.message}", BUSY
    elif plan.exporting and plan.exporting.running:
        yield "export", f"goes on, attempt {plan.exporting.attempt}: {why.message}", BUSY
    else:
        yield "export", f"{why.reason}: {why.message}", BUSY
    if why and seen.traced:
        yield "trace", f"{_names(seen.traced)}, each unless the store has it", BUSY
    if why and seen.there:
        yield (
            "not traced",
            f"{_names(seen.there)}: in the store, compared with the tolerance again",
            "",
        )


def _rollout(wanted: TracedModel, seen: Foresight) -> Iterator[tuple[str, str, str]]:
    serving = wanted.spec.serving
    how = (
        "one more first" if serving.rollout.strategy is Strategy.SURGE else "the old one goes first"
    )
    if seen.plan.held:
        yield "roll out", f"not now: {seen.plan.held}", BUSY
    elif seen.replaced:
        yield "roll out", f"at once, {how}: replaces {_pods(seen.replaced)}", BUSY
    if seen.later:
        yield "then", f"with the new artifact, {how}: replaces {_pods(seen.later)}", BUSY
    elif seen.why and not seen.plan.problem and not wanted.spec.suspend:
        yield "then", f"starts {counted(serving.replicas, 'serving pod')} with the artifact", BUSY
    elif not (seen.replaced or seen.plan.held or seen.plan.problem):
        yield "roll out", "none: no serving pod is replaced", GOOD


def _left_alone(wanted: TracedModel, seen: Foresight) -> list[str]:
    """Return the serving children that stay as they are at once."""
    plan = seen.plan
    if plan.serving is None:
        return []
    touched = {child["kind"] for child in (*plan.create, *plan.apply)}
    kinds = ("Deployment", "Service", "PodDisruptionBudget")
    return [f"{kind}/{wanted.metadata.name}" for kind in kinds if kind not in touched]


def _names(buckets: tuple[Bucket, ...]) -> str:
    return ", ".join(map(str, buckets))


def _pods(pods: tuple[Pod, ...]) -> str:
    return ", ".join(f"{pod.name} ({pod.node})" if pod.node else pod.name for pod in pods)


def document(live: Object | None, after: Object, seen: Foresight) -> dict[str, Any]:
    """Return the same as JSON."""
    return {
        "name": after["metadata"]["name"],
        "fields": [*fields(live["spec"], after["spec"])] if live else None,
        "export": {"reason": seen.why.reason, "message": seen.why.message} if seen.why else None,
        "traced": [*map(str, seen.traced)],
        "notTraced": [*map(str, seen.there)],
        "replacedAtOnce": [pod.name for pod in seen.replaced],
        "replacedAfterExport": [pod.name for pod in seen.later],
        "replicas": list(seen.scaled) if seen.scaled else None,
        "held": seen.plan.held or None,
        "problem": f"{seen.plan.problem.reason}: {seen.plan.problem.message}"
        if seen.plan.problem
        else None,
    }
