"""What ``diff`` shows: the fields that differ, and what follows from them. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.text import Text

from tracedmodel_api import conditions as c
from tracedmodel_api.buckets import Bucket
from tracedmodel_api.types import Strategy, TracedModel
from tracedmodel_api.words import counted
from tracedmodel_operator.cli.deciders import Deciding
from tracedmodel_operator.cli.foresight import Foresight
from tracedmodel_operator.cli.text import BAD, BUSY, FAINT, GOOD, columns
from tracedmodel_operator.exports import Problem
from tracedmodel_operator.names import ChildKey
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
    yield from _scaling(wanted, seen.deciding)
    if seen.plan.rejected and seen.plan.artifact:
        yield "rejected", f"{seen.plan.rejected.reason}: {seen.plan.rejected.message}", BAD
    elif seen.problem and (seen.plan.artifact or not seen.plan.problem):
        yield "stalled", _told(seen.problem), BAD
    if seen.left:
        yield "left alone", _keys(seen.left), ""
    for sentence in seen.assumed:
        yield "assumed", sentence, FAINT
    if seen.unread:
        yield "not read", seen.unread, FAINT


def _export(wanted: TracedModel, seen: Foresight) -> Iterator[tuple[str, str, str]]:
    plan, why = seen.plan, seen.why
    if plan.problem and not plan.artifact:
        yield "export", f"no: {_told(plan.problem)}", BAD
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


def _told(problem: Problem) -> str:
    return f"{problem.reason}: {problem.message}"


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
        count = counted(seen.deciding.then, "serving pod")
        yield "then", f"starts {count} with the artifact", BUSY
    elif not (seen.replaced or seen.plan.held or seen.plan.problem):
        yield "roll out", "none: no serving pod is replaced", GOOD


def _scaling(wanted: TracedModel, deciding: Deciding) -> Iterator[tuple[str, str, str]]:
    """Say what decides on the replicas, where that changes, and how many there are then."""
    if deciding.waits:
        yield "waits", f"{c.AUTOSCALER_CHANGING}: {deciding.waits}", BAD
    elif deciding.created or deciding.deleted:
        yield "decides", _decides(wanted, deciding), BUSY
    for what, keys in (
        ("deletes", deciding.deleted),
        ("creates", deciding.created),
        ("changes", deciding.changed),
    ):
        if keys:
            yield what, _keys(keys), BUSY
    if deciding.is_scaled():
        yield "scale", f"from {deciding.now} to {deciding.then} replicas", BUSY


def _decides(wanted: TracedModel, deciding: Deciding) -> str:
    serving = wanted.spec.serving
    if serving.autoscaling is None or deciding.by is None:
        return f"spec.serving.replicas: {serving.replicas}"
    least, most = serving.autoscaling.min_replicas, serving.autoscaling.max_replicas
    return f"the load, from {least} to {most} replicas: {_keys([deciding.by])}"


def _keys(keys: Iterable[ChildKey]) -> str:
    return ", ".join(f"{kind}/{name}" for kind, name in keys)


def _names(buckets: tuple[Bucket, ...]) -> str:
    return ", ".join(map(str, buckets))


def _pods(pods: tuple[Pod, ...]) -> str:
    return ", ".join(f"{pod.name} ({pod.node})" if pod.node else pod.name for pod in pods)


def document(live: Object | None, after: Object, seen: Foresight) -> dict[str, Any]:
    """Return the same as JSON."""
    plan, deciding = seen.plan, seen.deciding
    return {
        "name": after["metadata"]["name"],
        "fields": [*fields(live["spec"], after["spec"])] if live else None,
        "export": {"reason": seen.why.reason, "message": seen.why.message} if seen.why else None,
        "traced": [*map(str, seen.traced)],
        "notTraced": [*map(str, seen.there)],
        "replacedAtOnce": [pod.name for pod in seen.replaced],
        "replacedAfterExport": [pod.name for pod in seen.later],
        "replicas": [deciding.now, deciding.then] if deciding.is_scaled() else None,
        "autoscaler": _keys([deciding.by]) if deciding.by else None,
        "created": [_keys([key]) for key in deciding.created],
        "changed": [_keys([key]) for key in deciding.changed],
        "deleted": [_keys([key]) for key in deciding.deleted],
        "waits": deciding.waits or None,
        "held": plan.held or None,
        "problem": _told(seen.problem) if seen.problem else None,
        "leftAlone": [_keys([key]) for key in seen.left],
        "assumed": [*seen.assumed],
        "notRead": seen.unread or None,
    }
