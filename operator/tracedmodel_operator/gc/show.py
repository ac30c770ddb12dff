"""What a clean-up removed or would remove: for people, for programs and for Prometheus."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Gauge, write_to_textfile

from tracedmodel_api.objects import Entry
from tracedmodel_api.report import Failure
from tracedmodel_api.words import counted
from tracedmodel_operator.gc.reach import Kept, Name, Verdict
from tracedmodel_operator.gc.sweep import Removed

_LINE = "{:<12} {:<19} {:<6} {:<9} {:>5} {}\n"
_DAY = timedelta(days=1)
_STEP = 1000
_METRICS = (
    ("end_timestamp_seconds", "When the clean-up ended"),
    ("deleted", "1 if garbage was removed, 0 if it was only counted"),
    ("garbage_graphs", "Graphs that went, or would go"),
    ("garbage_blobs", "Blobs that went, or would go"),
    ("garbage_bytes", "Bytes that went, or would go"),
    ("kept_blobs", "Blobs that something names"),
)


@dataclass(frozen=True)
class Outcome:
    """One run; ``removed`` is None where it was to change nothing."""

    store: str
    verdict: Verdict
    removed: Removed | None
    began: datetime
    grace: timedelta
    doubt: str | None = None
    """Why it may not be garbage, where nothing in the store is named."""

    def gone(self) -> tuple[list[Entry], list[Entry], list[Entry]]:
        """Return names, pins and blobs that went, or would go."""
        if self.removed is not None:
            return self.removed.names, self.removed.pins, self.removed.blobs
        garbage = self.verdict.garbage
        return [n.entry for n in garbage.names], list(garbage.pins), list(garbage.blobs)


def as_text(outcome: Outcome) -> str:
    """Return a line for each graph that goes, and one for each reason why others stay."""
    names, pins, blobs = outcome.gone()
    paths = {entry.path for entry in names}
    going = [name for name in outcome.verdict.garbage.names if name.entry.path in paths]
    table = "".join(_LINE.format(*_cells(name, outcome.began)) for name in going)
    if table:
        table = _LINE.format("FINGERPRINT", "TASK", "TARGET", "BUCKET", "AGE", "REVISION") + table
    word = "would go" if outcome.removed is None else "went"
    size = _bytes(_sum((*names, *pins, *blobs)))
    total = f"{word}: {counted(len(names), 'graph')}, {counted(len(blobs), 'blob')}, {counted(len(pins), 'pin')}: {size}\n"
    stays = "".join(f"stays: {line}\n" for line in _stays(outcome))
    hint = "" if outcome.removed is not None else "nothing was changed: --delete removes it\n"
    return table + total + stays + hint


def _cells(name: Name, now: datetime) -> tuple[str, ...]:
    fingerprint = Path(name.entry.path).stem[:12]
    age = f"{(now - name.entry.modified) // _DAY}d"
    graph = name.graph
    if graph is None:
        return (fingerprint, "(no manifest)", "", "", age, "")
    what = (graph.task.value, graph.target.value, str(graph.bucket.bucket()))
    return (fingerprint, *what, age, graph.revision[:12])


def _stays(outcome: Outcome) -> Iterator[str]:
    verdict = outcome.verdict
    for kept in verdict.kept:
        if kept.graphs:
            yield f"{counted(kept.graphs, 'graph')}, {_bytes(kept.size)}: {kept.why}"
    if verdict.spared:
        yield f"{counted(len(verdict.spared), 'blob')}, {_bytes(_sum(verdict.spared))}: of no graph, too young"


def as_texts(outcomes: Iterable[Outcome]) -> str:
    """Return the same for several stores, each below its URL, and a line for all in which nothing stands."""
    told = list(outcomes)
    empty = [one for one in told if one.verdict.is_of_nothing()]
    texts = [f"store {one.store}\n{as_text(one)}" for one in told if one not in empty]
    if empty:
        texts.append(f"nothing stands in {counted(len(empty), 'store')} more\n")
    return "\n".join(texts)


def as_json(told: Outcome | Mapping[str, Outcome | Failure]) -> str:
    """Return all of it, with every path; of several stores a list, in which what failed says why."""
    if isinstance(told, Outcome):
        return _dumped(_document(told))
    return _dumped(
        [
            _failed(store, one) if isinstance(one, Failure) else _document(one)
            for store, one in told.items()
        ]
    )


def _dumped(document: Any) -> str:
    return json.dumps(document, indent=2) + "\n"


def _failed(store: str, failure: Failure) -> dict[str, Any]:
    return {"store": store, "failure": failure.reason.name, "message": str(failure)}


def _document(outcome: Outcome) -> dict[str, Any]:
    names, pins, blobs = outcome.gone()
    return {
        "store": outcome.store,
        "deleted": outcome.removed is not None,
        "olderThanSeconds": int(outcome.grace.total_seconds()),
        "garbage": {
            "graphs": list(map(_told, names)),
            "pins": list(map(_told, pins)),
            "blobs": list(map(_told, blobs)),
            "bytes": _sum((*names, *pins, *blobs)),
        },
        "kept": [_kept(kept) for kept in outcome.verdict.kept],
        "tooYoung": list(map(_told, outcome.verdict.spared)),
    }


def _told(entry: Entry) -> dict[str, Any]:
    modified = entry.modified.isoformat(timespec="seconds")
    return {"path": entry.path, "bytes": entry.size, "modified": modified}


def _kept(kept: Kept) -> dict[str, Any]:
    return {"why": kept.why, "graphs": kept.graphs, "bytes": kept.size}


def write_metrics(path: Path, outcomes: Iterable[Outcome], now: datetime) -> None:
    """Write the metrics of a run; a reader sees all of them, or the file that was there before."""
    registry = CollectorRegistry()
    gauges = [
        Gauge(f"tracedmodel_gc_{name}", text, ["store"], registry=registry)
        for name, text in _METRICS
    ]
    for outcome in outcomes:
        for gauge, value in zip(gauges, _figures(outcome, now), strict=True):
            gauge.labels(store=outcome.store).set(float(value))
    write_to_textfile(str(path), registry)


def _figures(outcome: Outcome, now: datetime) -> tuple[float, ...]:
    names, pins, blobs = outcome.gone()
    went = outcome.removed is not None
    size = _sum((*names, *pins, *blobs))
    reached = len(outcome.verdict.reached)
    return (now.timestamp(), went, len(names), len(blobs), size, reached)


def _sum(entries: Iterable[Entry]) -> int:
    return sum(entry.size for entry in entries)


def _bytes(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < _STEP:
            return f"{size:.0f} {unit}"
        size /= _STEP
    return f"{size:.1f} GB"
