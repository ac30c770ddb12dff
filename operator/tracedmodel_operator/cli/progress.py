"""How far a resource is that is waited for, and how the wait ends. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tracedmodel_api import conditions as c
from tracedmodel_api.report import REASONS, shorten
from tracedmodel_api.status import MAX_REQUESTED_AT, Condition, Status
from tracedmodel_api.types import REQUESTED_AT
from tracedmodel_operator.cli.snapshot import is_seen
from tracedmodel_operator.reconcile import read_status

FAILED = 1


@dataclass(frozen=True)
class Progress:
    """What to say of a resource, and the exit code if that is the end of it."""

    told: str
    exit_code: int | None = None
    exporting: bool = False
    """Whether an export's log says how far it is."""


def progress(item: Mapping[str, Any]) -> Progress:
    """Return how far a resource is."""
    status = read_status(item.get("status") or {})
    if item["metadata"].get("deletionTimestamp"):
        return Progress("it is being deleted", FAILED)
    found = {condition.type: condition for condition in status.conditions}
    ready = found.get(c.READY)
    if ready is None or not is_seen(item) or not _is_heard(item, status):
        return Progress("waiting for the operator to look at it")
    told = f"{ready.reason}: {ready.message}"
    if ready.status == "True":
        return Progress(told, 0)
    if c.STALLED in found:
        return Progress(told, _exit_code(ready, status))
    if c.SUSPENDED in found and c.RECONCILING not in found:
        return Progress(f"{told}; nothing happens before spec.suspend is false", FAILED)
    return Progress(told, exporting=ready.reason == c.EXPORT_RUNNING)


def _is_heard(item: Mapping[str, Any], status: Status) -> bool:
    """Tell whether the operator acted on requested-at, which makes no new generation."""
    asked = (item["metadata"].get("annotations") or {}).get(REQUESTED_AT, "")
    return shorten(asked, MAX_REQUESTED_AT) == (status.last_handled_requested_at or "")


def _exit_code(ready: Condition, status: Status) -> int:
    """Return the exit code of the process that failed, or of its reason."""
    failures = [status.last_failure, status.export.failure if status.export else None]
    codes = [f.exit_code for f in failures if f and f.exit_code and f.reason == ready.reason]
    rejected = status.serving.rejected if status.serving else None
    reasons = [ready.reason, *([rejected.reason] if rejected else [])]
    known = [REASONS[reason].exit_code for reason in reasons if reason in REASONS]
    return next(iter([*codes, *known]), FAILED)
