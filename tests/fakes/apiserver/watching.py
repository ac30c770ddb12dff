"""Changes as they happen: watches as the API server has them, and subscriptions for tests."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from apiserver.failures import Failure, bad_request
from apiserver.reads import Choice, list_page
from apiserver.request import Target
from apiserver.store import ADDED, DELETED, MODIFIED, Change, Database, Stored, encode
from tracedmodel_operator.kinds import Kind

Object = dict[str, Any]


class Watch:
    """A watch: from a version on, or from the present state on, which it tells first."""

    def __init__(self, database: Database, target: Target, query: Mapping[str, str]) -> None:
        self._database = database
        self._target = target
        self.table = database.tables[target.resource.kind]
        self._chosen = Choice(query, target)
        self.bookmarks = query.get("allowWatchBookmarks") == "true"
        text = query.get("resourceVersion") or "0"
        if not text.isdigit():
            raise bad_request(
                f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: invalid syntax'
            )
        self.version = int(text)
        initial = query.get("sendInitialEvents") == "true"
        self._present: list[Stored] | None = None
        if self.version == 0 or initial:
            self._present = list_page(database, target, _selectors(query)).items
            self.version = database.version
        self._ends_present = initial and self.bookmarks

    def pull(self) -> list[bytes]:
        """Return the events that are due, as JSON each; raises 410 if some are not known any more."""
        lines = self._pull_present()
        if self.version < self.table.forgotten:
            oldest = self.table.forgotten
            message = f"too old resource version: {self.version} ({oldest})"
            raise Failure(410, "Expired", message)
        for change in self.table.since(self.version):
            self.version = change.version
            kind = self._seen(change)
            if kind:
                lines.append(_event(kind, _told(kind, change)))
        return lines

    def _pull_present(self) -> list[bytes]:
        if self._present is None:
            return []
        lines = [_event(ADDED, stored.data) for stored in self._present]
        self._present = None
        if self._ends_present:
            lines.append(self.bookmark(**{"k8s.io/initial-events-end": "true"}))
        return lines

    def _seen(self, change: Change) -> str | None:
        """Return what a change is to those who see the chosen objects alone."""
        target = self._target
        if target.namespace and change.after.namespace != target.namespace:
            return None
        was, is_now = self._chosen(change.before), self._chosen(change.after)
        if change.type == DELETED:
            return DELETED if was else None
        if was and is_now:
            return MODIFIED
        return ADDED if is_now else DELETED if was else None

    def bookmark(self, **annotations: str) -> bytes:
        """Return an event that says how far the watch came, once all that is due was pulled."""
        kind = self._target.resource.kind
        self.version = max(self.version, self._database.version)
        named = {"kind": kind.name, "apiVersion": kind.api_version}
        metadata: Object = {"resourceVersion": str(self.version)}
        metadata |= {"annotations": annotations} if annotations else {}
        document = {**named, "metadata": metadata}
        return _event("BOOKMARK", encode(document))


def _selectors(query: Mapping[str, str]) -> dict[str, str]:
    return {key: query[key] for key in ("labelSelector", "fieldSelector") if key in query}


def _told(kind: str, change: Change) -> bytes:
    """Return the object of an event: of one that is not chosen any more, as it was before, but for its version."""
    if kind != DELETED or change.type == DELETED or change.before is None:
        return change.after.data
    item = change.before.load()
    item["metadata"]["resourceVersion"] = str(change.version)
    return encode(item)


def _event(kind: str, data: bytes) -> bytes:
    return b'{"type":"' + kind.encode() + b'","object":' + data + b"}\n"


def error_event(failure: Failure) -> bytes:
    """Return the event that tells of a failure in the middle of a watch."""
    return _event("ERROR", encode(failure.status()))


@dataclass(frozen=True)
class Event:
    """What a subscription tells: what happened to an object, and the object."""

    kind: Kind
    type: str
    object: Object


class Subscription:
    """Changes of some kinds, for a test to hand on when it wants, in order.

    Objects are read only when they are taken. Held events wait until they are released; dropped ones are lost.
    """

    def __init__(
        self, database: Database, kinds: Iterable[Kind], labels: Callable[[Any], bool]
    ) -> None:
        self._labels = labels
        self.tables = [database.tables[kind] for kind in kinds]
        self._pending: deque[Change] = deque()
        self._held: Callable[[Kind, str], bool] | None = None
        for table in self.tables:
            table.listeners.append(self._note)

    def close(self) -> None:
        """Hear of nothing more."""
        for table in self.tables:
            table.listeners.remove(self._note)

    def _note(self, change: Change) -> None:
        labels = [stored.labels for stored in (change.before, change.after) if stored]
        if any(map(self._labels, labels)):
            self._pending.append(change)

    def __len__(self) -> int:
        """Return how many events wait, the held ones too."""
        return len(self._pending)

    def __iter__(self) -> Iterator[Event]:
        """Take events as long as there are any that are not held, also those that come meanwhile."""
        while (change := self._next()) is not None:
            yield Event(change.after.kind, change.type, change.after.load())

    def take(self, most: int | None = None) -> list[Event]:
        """Take the events that wait, or the first of them."""
        taken = []
        for event in self if most is None or most > 0 else ():
            taken.append(event)
            if len(taken) == most:
                break
        return taken

    def hold(self, which: Callable[[Kind, str], bool] = lambda *_: True) -> None:
        """Keep events back, all or those of which ``which`` says so, by kind and name."""
        self._held = which

    def release(self) -> None:
        """Keep nothing back any more."""
        self._held = None

    def drop(self, which: Callable[[Kind, str], bool] = lambda *_: True) -> int:
        """Lose the events that wait, all or those chosen; return how many."""
        kept = deque(c for c in self._pending if not which(c.after.kind, c.after.name))
        lost = len(self._pending) - len(kept)
        self._pending = kept
        return lost

    def _next(self) -> Change | None:
        for index, change in enumerate(self._pending):
            if self._held is None or not self._held(change.after.kind, change.after.name):
                del self._pending[index]
                return change
        return None
