"""What is worth an Event: derived from the change between two statuses of a resource."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from tracedmodel_api import conditions as c
from tracedmodel_api.status import Condition, Status


class Severity(str, Enum):
    """What ``kubectl describe`` shows as the type of an Event."""

    NORMAL = "Normal"
    WARNING = "Warning"


@dataclass(frozen=True)
class Regarding:
    """The TracedModel that an Event is about."""

    namespace: str
    name: str
    uid: str


@dataclass(frozen=True)
class Happening:
    """Something that a person who looks at the resource wants to know happened."""

    regarding: Regarding
    type: Severity
    reason: str
    message: str


class _Tell(Enum):
    """How a reason is told."""

    NOTHING = "nothing"
    NORMAL = "Normal"
    WARNING = "Warning"
    FAILURE = "Warning, in the sentence of the last failure"


_TELL = {
    # Steps that last a moment, and what Ready's Succeeded says as well.
    c.EXPORT_PENDING: _Tell.NOTHING,
    c.NOTHING_EXPORTED: _Tell.NOTHING,
    c.REPLICAS_AVAILABLE: _Tell.NOTHING,
    c.EXPORT_RUNNING: _Tell.NORMAL,
    c.ROLLOUT_QUEUED: _Tell.NORMAL,
    c.ROLLOUT_IN_PROGRESS: _Tell.NORMAL,
    c.IN_PLACE_ROLLOUT: _Tell.NORMAL,
    c.AUTOSCALER_CHANGING: _Tell.NORMAL,
    c.SUSPENDED_BY_USER: _Tell.NORMAL,
    # Its own sentence names the time of the next attempt: no two of them would be the same Event.
    c.BACKING_OFF: _Tell.FAILURE,
}
"""Reasons that are not told as their condition's polarity has it: Normal for what is good, else a Warning."""

_ORDER = (c.STALLED, c.EXPORTED, c.READY, c.AVAILABLE, c.SUSPENDED)
"""Of conditions that say the same, the first is told. Reconciling is not here: it only repeats Ready."""
_GOOD_WHEN_TRUE = frozenset({c.EXPORTED, c.READY, c.AVAILABLE, c.SUSPENDED})


def happenings(old: Status, new: Status, regarding: Regarding) -> tuple[Happening, ...]:
    """Return what happened between two statuses: one happening for each reason that a condition did not have before."""
    told: dict[str, Happening] = {}
    for condition in _news(old, new):
        happening = _happening(condition, new, regarding)
        if happening is not None:
            told.setdefault(condition.reason, happening)
    return tuple(told.values())


def _news(old: Status, new: Status) -> Iterator[Condition]:
    before = {(condition.type, condition.reason) for condition in old.conditions}
    by_type = {condition.type: condition for condition in new.conditions}
    for kind in _ORDER:
        found = by_type.get(kind)
        if found is None or (kind, found.reason) in before:
            continue
        if kind == c.AVAILABLE and found.status == "False" and not _was_available(old):
            continue  # nothing was lost: it did not come up yet
        yield found


def _was_available(old: Status) -> bool:
    return any(x.type == c.AVAILABLE and x.status == "True" for x in old.conditions)


def _happening(condition: Condition, status: Status, regarding: Regarding) -> Happening | None:
    good = (condition.status == "True") == (condition.type in _GOOD_WHEN_TRUE)
    tell = _TELL.get(condition.reason, _Tell.NORMAL if good else _Tell.WARNING)
    if tell is _Tell.NOTHING:
        return None
    message = condition.message
    if tell is _Tell.FAILURE and status.last_failure is not None:
        message = f"{status.last_failure.reason}: {status.last_failure.message}"
    severity = Severity.NORMAL if tell is _Tell.NORMAL else Severity.WARNING
    return Happening(regarding, severity, condition.reason, message)
