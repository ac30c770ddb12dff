"""Who owns which fields: metadata.managedFields, and what writes of either kind make of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from apiserver import fields
from apiserver.fields import Node
from apiserver.registry import Resource

APPLY, UPDATE = "Apply", "Update"
BEFORE_APPLY = "before-first-apply"
UNOWNED = frozenset(
    {
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "generation",
        "managedFields",
        "name",
        "namespace",
        "resourceVersion",
        "selfLink",
        "uid",
    }
)


class Writer(NamedTuple):
    """Who wrote, and how. Whoever applies is the same in every version of the API."""

    manager: str
    operation: str
    api_version: str
    subresource: str = ""

    @classmethod
    def of(cls, entry: dict[str, Any]) -> Writer:
        """Return the writer of an entry of managedFields."""
        return cls(
            entry.get("manager", ""),
            entry.get("operation", UPDATE),
            entry.get("apiVersion", ""),
            entry.get("subresource", ""),
        )


@dataclass
class Managed:
    """The fields of each writer, and when it last wrote."""

    fields: dict[Writer, Node] = field(default_factory=dict)
    times: dict[Writer, str | None] = field(default_factory=dict)

    @classmethod
    def load(cls, entries: Iterable[dict[str, Any]] | None) -> Managed:
        """Read metadata.managedFields."""
        managed = cls()
        for entry in entries or ():
            if entry:
                writer = Writer.of(entry)
                managed.fields[writer] = entry.get("fieldsV1") or {}
                managed.times[writer] = entry.get("time")
        return managed

    def dump(self) -> list[dict[str, Any]]:
        """Return metadata.managedFields, in the order that the API server keeps."""
        return [self._entry(writer) for writer in sorted(self.fields, key=self._order)]

    def _order(self, writer: Writer) -> tuple[str, ...]:
        return (writer.operation, self.times.get(writer) or "", *writer)

    def _entry(self, writer: Writer) -> dict[str, Any]:
        entry = {
            "manager": writer.manager,
            "operation": writer.operation,
            "apiVersion": writer.api_version,
            "time": self.times.get(writer),
            "fieldsType": "FieldsV1",
            "fieldsV1": self.fields[writer],
            "subresource": writer.subresource,
        }
        return {key: value for key, value in entry.items() if value not in (None, "")}

    def all(self) -> Node | None:
        """Return the fields that anybody owns."""
        owned: Node | None = None
        for node in self.fields.values():
            owned = fields.union(owned, node)
        return owned

    def claimed(self, writer: Writer, changed: Node | None) -> dict[Writer, Node]:
        """Return the changed fields that others own."""
        found = {}
        for other, node in self.fields.items():
            both = fields.intersection(node, changed) if other != writer else None
            if both is not None:
                found[other] = both
        return found

    def release(self, writer: Writer, *gone: Node | None) -> None:
        """Take fields from everybody but a writer."""
        for other in [other for other in self.fields if other != writer]:
            node: Node | None = self.fields[other]
            for part in gone:
                node = fields.difference(node, part)
            self._set(other, node)

    def wrote(self, writer: Writer, changed: Node | None, removed: Node | None, now: str) -> None:
        """Note a write by other means than apply: whoever changes a field owns it, alone."""
        if changed is None and removed is None:
            return
        self.release(writer, changed, removed)
        own = fields.difference(self.fields.get(writer), removed)
        self._set(writer, fields.union(own, changed))
        if changed is not None:
            self.note(writer, now)

    def note(self, writer: Writer, now: str) -> None:
        """Note when a writer wrote; of scales the API server does not."""
        self.times[writer] = None if writer.subresource == "scale" else now

    def _set(self, writer: Writer, node: Node | None) -> None:
        if node:
            self.fields[writer] = node
        else:
            self.fields.pop(writer, None)


def owned_part(document: dict[str, Any]) -> dict[str, Any]:
    """Return the part of an object that can be owned."""
    part = {k: v for k, v in document.items() if k not in ("apiVersion", "kind", "metadata")}
    metadata = document.get("metadata") or {}
    part["metadata"] = {k: v for k, v in metadata.items() if k not in UNOWNED}
    return part


def managed_of(old: dict[str, Any], new: dict[str, Any], subresource: str) -> Managed | None:
    """Return the owners that a write begins with; None if nobody keeps count for this object.

    A write may set managedFields itself, though not by a subresource; one that sends none means no harm.
    """
    before = (old.get("metadata") or {}).get("managedFields")
    sent = (new.get("metadata") or {}).get("managedFields")
    if subresource or not sent:
        return Managed.load(before) if before or not old else None
    return None if sent == [{}] else Managed.load(sent)


def track(
    old: dict[str, Any], new: dict[str, Any], resource: Resource, writer: Writer, now: str
) -> None:
    """Set the managedFields of ``new``, written by other means than apply; ``old`` is empty for a new object."""
    managed = managed_of(old, new, writer.subresource)
    if managed is None:
        new["metadata"].pop("managedFields", None)
        return
    before, after = owned_part(old), owned_part(new)
    if not old:
        before |= resource.blank
        # The status of a new object is the server's own.
        after = (
            {k: v for k, v in after.items() if k != "status"} if resource.subresources else after
        )
    changed, removed = fields.compare(before, after, "", resource)
    managed.wrote(writer, changed, removed, now)
    store(managed, new)


def store(managed: Managed, document: dict[str, Any]) -> None:
    """Write the owners into an object."""
    entries = managed.dump()
    if entries:
        document["metadata"]["managedFields"] = entries
    else:
        document["metadata"].pop("managedFields", None)
