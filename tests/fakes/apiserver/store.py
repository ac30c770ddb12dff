"""Objects by kind, and every change to them in order. Knows nothing of what the objects mean."""

from __future__ import annotations

import json
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from tracedmodel_operator.kinds import Kind

ADDED, MODIFIED, DELETED = "ADDED", "MODIFIED", "DELETED"


def encode(document: Any) -> bytes:
    """Return a document as JSON."""
    try:
        return orjson.dumps(document)
    except TypeError:
        # orjson refuses integers of more than 64 bits; a manifest may well hold one until it is judged.
        return json.dumps(document).encode()


def decode(data: bytes) -> Any:
    """Return the document in JSON."""
    try:
        return orjson.loads(data)
    except ValueError:
        return json.loads(data)


@dataclass(frozen=True, slots=True)
class Stored:
    """One version of an object: its bytes, and beside them what is asked for without reading those."""

    kind: Kind
    key: str
    version: int
    uid: str
    labels: dict[str, str]
    owners: tuple[str, ...]
    finalizers: tuple[str, ...]
    deleting: bool
    data: bytes

    @property
    def namespace(self) -> str:
        """Return the namespace, empty for what has none."""
        return self.key.partition("/")[0]

    @property
    def name(self) -> str:
        """Return the name."""
        return self.key.partition("/")[2]

    def load(self) -> dict[str, Any]:
        """Return the object, a new one for each caller."""
        document: dict[str, Any] = decode(self.data)
        return document


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to one object; ``before`` is the version that it replaced."""

    type: str
    version: int
    after: Stored
    before: Stored | None


def key_of(namespace: str | None, name: str) -> str:
    """Return the key of an object among those of its kind, in the order that lists have."""
    return f"{namespace or ''}/{name}"


class Table:
    """The objects of one kind. ``history`` is how many changes are remembered; None is all."""

    def __init__(self, history: int | None = None) -> None:
        self.items: dict[str, Stored] = {}
        self.changes: deque[Change] = deque(maxlen=history)
        self.forgotten = 0
        self.listeners: list[Callable[[Change], None]] = []
        self._order: list[str] = []

    def keys(self, namespace: str | None = None, after: str = "") -> Iterator[str]:
        """Return the keys in order: of a namespace or of all, from behind a key on."""
        start, end = "", None
        if namespace:
            start, end = f"{namespace}/", f"{namespace}0"  # "0" comes right after "/"
        first = bisect_left(self._order, max(start, after + "\0" if after else ""))
        last = len(self._order) if end is None else bisect_left(self._order, end)
        return iter(self._order[first:last])

    def count(self, namespace: str) -> int:
        """Return how many objects a namespace holds."""
        first = bisect_left(self._order, f"{namespace}/")
        return bisect_left(self._order, f"{namespace}0") - first

    def write(self, stored: Stored) -> Change:
        """Keep a version of an object."""
        before = self.items.get(stored.key)
        if before is None:
            insort(self._order, stored.key)
        self.items[stored.key] = stored
        return self._tell(Change(MODIFIED if before else ADDED, stored.version, stored, before))

    def remove(self, last: Stored) -> Change:
        """Remove an object; ``last`` is what is told of it."""
        before = self.items.pop(last.key)
        del self._order[bisect_left(self._order, last.key)]
        return self._tell(Change(DELETED, last.version, last, before))

    def since(self, version: int) -> list[Change]:
        """Return the changes after a version, oldest first. Ask ``forgotten`` whether all are known."""
        found: list[Change] = []
        for change in reversed(self.changes):
            if change.version <= version:
                break
            found.append(change)
        return found[::-1]

    def forget(self, version: int) -> None:
        """Remember no change any more, and claim none up to a version."""
        self.forgotten = version
        self.changes.clear()

    def _tell(self, change: Change) -> Change:
        if self.changes.maxlen is not None and len(self.changes) == self.changes.maxlen:
            self.forgotten = self.changes[0].version if self.changes else change.version
        self.changes.append(change)
        for listener in self.listeners:
            listener(change)
        return change


class Database:
    """All tables, the counter that numbers every change, and who owns whom."""

    def __init__(self, kinds: Iterable[Kind], history: int | None = None) -> None:
        self.tables = {kind: Table(history) for kind in kinds}
        self.version = 1
        self.by_uid: dict[str, tuple[Kind, str]] = {}
        self.dependents: dict[str, set[tuple[Kind, str]]] = {}

    def find(self, kind: Kind, key: str) -> Stored | None:
        """Return an object, or None if it is not there."""
        return self.tables[kind].items.get(key)

    def write(self, kind: Kind, key: str, document: dict[str, Any]) -> Stored:
        """Keep a document as the newest version of its object, and number it."""
        stored = self._next(kind, key, document)
        self._disown(self.find(kind, key))
        self.tables[kind].write(stored)
        self.by_uid[stored.uid] = (kind, key)
        for owner in stored.owners:
            self.dependents.setdefault(owner, set()).add((kind, key))
        return stored

    def remove(self, kind: Kind, key: str, document: dict[str, Any]) -> Stored:
        """Remove an object; the document is the last that is seen of it."""
        last = self._next(kind, key, document)
        self._disown(self.find(kind, key))
        self.by_uid.pop(last.uid, None)
        self.tables[kind].remove(last)
        return last

    def _next(self, kind: Kind, key: str, document: dict[str, Any]) -> Stored:
        self.version += 1
        metadata = document["metadata"]
        metadata["resourceVersion"] = str(self.version)
        owners = tuple(owner["uid"] for owner in metadata.get("ownerReferences") or ())
        return Stored(
            kind,
            key,
            self.version,
            metadata["uid"],
            metadata.get("labels") or {},
            owners,
            tuple(metadata.get("finalizers") or ()),
            "deletionTimestamp" in metadata,
            encode({"apiVersion": kind.api_version, "kind": kind.name, **document}),
        )

    def _disown(self, before: Stored | None) -> None:
        if before is None:
            return
        for owner in before.owners:
            held = self.dependents.get(owner, set())
            held.discard((before.kind, before.key))
            if not held:
                self.dependents.pop(owner, None)
