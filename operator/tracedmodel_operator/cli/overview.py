"""What ``status`` shows: what is wrong and what to do, the chain, the conditions; of many resources, a line each. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from rich.text import Text

from tracedmodel_api import conditions as c
from tracedmodel_operator.cli.advice import what_to_do
from tracedmodel_operator.cli.chain import chain, resource_state
from tracedmodel_operator.cli.snapshot import Object, Snapshot
from tracedmodel_operator.cli.text import BAD, FAINT, GOOD, UNKNOWN, age, columns, head
from tracedmodel_operator.cli.tree import as_document, tree


def overview(snapshot: Snapshot, width: int | None = None) -> list[Text]:
    """Return all that there is to say of one resource, what matters first."""
    lines = [*_headline(snapshot), *_advice(snapshot, width), Text()]
    lines += tree(chain(snapshot), snapshot.now, width)
    lines += _conditions(snapshot, width)
    lines += _last_failure(snapshot)
    return lines + [Text(f"not shown: {sentence}", style=FAINT) for sentence in snapshot.unread]


def _headline(snapshot: Snapshot) -> Iterator[Text]:
    spec, status = snapshot.item["spec"], snapshot.status
    model = spec.get("model") or {}
    revision = (status.model and status.model.revision) or model.get("revision") or ""
    at = f" at {revision[:12]}" if revision else ""
    what = f"{model.get('task', UNKNOWN)} on {spec.get('target', UNKNOWN)}, {model.get('source', UNKNOWN)}{at}"
    yield Text(f"{snapshot.namespace}/{snapshot.name}", style="bold").append(
        f": {what}", "not bold"
    )
    state, tone = resource_state(snapshot)
    stands = snapshot.condition(state)
    since = f" for {age(stands.last_transition_time, snapshot.now)}" if stands else ""
    line = Text(f"{state}{since}", style=tone)
    yield line.append(f": {_why(snapshot, state)}", "not bold default")
    yield _available(snapshot)


def _why(snapshot: Snapshot, state: str) -> str:
    seen, ready = snapshot.status.observed_generation, snapshot.condition(c.READY)
    told = f"{ready.reason}: {ready.message}" if ready else "nothing is known"
    if state != "NotSeen":
        return told
    if ready is None:
        return "no operator has looked at it yet"
    newest = snapshot.item["metadata"].get("generation")
    return (
        f"the operator has seen generation {seen} of the spec and not yet {newest}; before, {told}"
    )


def _available(snapshot: Snapshot) -> Text:
    told = snapshot.condition(c.AVAILABLE)
    if told is None:
        return Text("Requests: nobody answers: nothing is served yet")
    if told.status == "True" and told.reason != c.SCALED_TO_ZERO:
        url = snapshot.status.serving.url if snapshot.status.serving else None
        return Text("Requests: ").append("answered", GOOD).append(f" at {url}: {told.message}")
    return Text("Requests: ").append("nobody answers", BAD).append(f": {told.message}")


def _advice(snapshot: Snapshot, width: int | None) -> list[Text]:
    found = what_to_do(snapshot)
    rows = [["What to do:" if number == 0 else "", text] for number, text in enumerate(found)]
    return columns(rows, width) if rows else []


def _conditions(snapshot: Snapshot, width: int | None) -> list[Text]:
    told, ready = snapshot.status.conditions, snapshot.condition(c.READY)
    if not told:
        return []
    rows = [head("CONDITION", "STATUS", "REASON", "SINCE", "MESSAGE")]
    for one in told:
        same = ready is not None and one is not ready and one.message == ready.message
        message = "as Ready" if same else one.message
        since = age(one.last_transition_time, snapshot.now)
        rows.append([Text(text) for text in (one.type, one.status, one.reason, since, message)])
    return [Text(), *columns(rows, width)]


def _last_failure(snapshot: Snapshot) -> list[Text]:
    """Tell of the last failure, unless it is what Ready says, and whether it is over."""
    failure, ready = snapshot.status.last_failure, snapshot.condition(c.READY)
    if failure is None or (ready and failure.message == ready.message):
        return []
    code = "" if failure.exit_code is None else f", exit code {failure.exit_code}"
    over = ", overcome since" if ready and ready.status == "True" else ""
    since = age(failure.time, snapshot.now)
    told = f"Last failure {since} ago{code}{over}: {failure.reason}: {failure.message}"
    return [Text(), Text(told)]


def document(snapshot: Snapshot) -> dict[str, Any]:
    """Return the same as JSON."""
    state, _ = resource_state(snapshot)
    dumped = snapshot.status.model_dump(mode="json", by_alias=True, exclude_none=True)
    found = {
        "namespace": snapshot.namespace,
        "name": snapshot.name,
        "state": state,
        "whatToDo": what_to_do(snapshot),
        "chain": as_document(chain(snapshot)),
        "conditions": dumped["conditions"],
    }
    return found | {key: dumped[key] for key in ("lastFailure",) if key in dumped}


def table(
    items: Iterable[Object], now: datetime, width: int | None = None, *, everywhere: bool = False
) -> list[Text]:
    """Return a line a resource, as kubectl get does, with why; ``everywhere`` adds the namespace."""
    titles = ["NAME", "STATE", "REASON", "TASK", "TARGET", "BUCKETS", "REPLICAS", "AGE", "WHY"]
    rows = [head(*(["NAMESPACE", *titles] if everywhere else titles))]
    for item in items:
        cells = _row(Snapshot(item, (), now))
        space = [Text(item["metadata"].get("namespace", ""))] if everywhere else []
        rows.append([*space, *cells])
    return columns(rows, width)


def _row(snapshot: Snapshot) -> list[Text]:
    spec, status, metadata = snapshot.item["spec"], snapshot.status, snapshot.item["metadata"]
    state, tone = resource_state(snapshot)
    ready = snapshot.condition(c.READY)
    message = _why(snapshot, state) if state == "NotSeen" or not ready else ready.message
    texts = (
        ready.reason if ready else UNKNOWN,
        (spec.get("model") or {}).get("task", UNKNOWN),
        spec.get("target", UNKNOWN),
        str(status.artifact.bucket_count) if status.artifact else UNKNOWN,
        f"{status.ready_replicas}/{(spec.get('serving') or {}).get('replicas', 1)}",
        age(metadata.get("creationTimestamp"), snapshot.now),
        message,
    )
    return [Text(metadata["name"]), Text(state, style=tone), *map(Text, texts)]
