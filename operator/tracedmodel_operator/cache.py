"""Every watched object as far as it is used, by the resource that it belongs to."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from tracedmodel_operator.kinds import TRACED_MODEL, Kind
from tracedmodel_operator.names import MODEL, ChildKey
from tracedmodel_operator.project import project

Object = Mapping[str, Any]
Key = tuple[str, str]
"""Namespace and name of a TracedModel."""
_SELF: ChildKey = (TRACED_MODEL.name, "")
_FAST = 1


@dataclass(frozen=True, slots=True)
class _Entry:
    version: int
    uid: str
    data: bytes
    """Compressed JSON: a thirtieth of what dictionaries take."""


class Cache:
    """Objects as the API server last told of them, whichever way they came: by watch, by list, or as an answer.

    An object never goes back: what is told of an older resourceVersion is ignored.
    """

    def __init__(self) -> None:
        self._families: dict[Key, dict[ChildKey, _Entry]] = {}

    def put(self, item: Object) -> Key | None:
        """Take an object; return the resource that it concerns, or None where nothing that is used changed."""
        key, child = self.home(item), _child_key(item)
        if key is None:
            return None
        family = self._families.setdefault(key, {})
        before, metadata = family.get(child), item["metadata"]
        version, uid = _version(metadata), metadata.get("uid") or ""
        if before and before.uid == uid and version <= before.version:
            return None
        data = zlib.compress(orjson.dumps(project(item)), _FAST)
        family[child] = _Entry(version, uid, data)
        return None if before and before.uid == uid and before.data == data else key

    def remove(self, item: Object) -> Key | None:
        """Forget an object that was deleted; return the resource that it concerned."""
        key, child = self.home(item), _child_key(item)
        family = self._families.get(key, {}) if key else {}
        before = family.get(child)
        if before is None or before.uid != (item["metadata"].get("uid") or ""):
            return None
        self._drop(key, child)
        return key

    @staticmethod
    def home(item: Object) -> Key | None:
        """Return the resource that an object concerns: itself, its owner, or the one that its label names."""
        metadata = item["metadata"]
        if item["kind"] == TRACED_MODEL.name:
            return metadata["namespace"], metadata["name"]
        owners = metadata.get("ownerReferences") or ()
        names = (owner["name"] for owner in owners if owner["kind"] == TRACED_MODEL.name)
        name = next(names, (metadata.get("labels") or {}).get(MODEL))
        return (metadata["namespace"], name) if name else None

    def keep_only(
        self, kind: Kind, namespace: str | None, seen: set[tuple[Key | None, str]], version: int
    ) -> set[Key]:
        """Forget the objects of a kind that a list at ``version`` no longer had; ``seen`` are homes and uids in it."""
        gone = [
            (key, child)
            for key, family in self._families.items()
            if namespace in (None, key[0])
            for child, entry in family.items()
            if child[0] == kind.name and (key, entry.uid) not in seen and entry.version <= version
        ]
        for key, child in gone:
            self._drop(key, child)
        return {key for key, _ in gone}

    def resource(self, key: Key) -> dict[str, Any] | None:
        """Return a TracedModel."""
        return self.child(key, _SELF)

    def child(self, key: Key, child: ChildKey) -> dict[str, Any] | None:
        """Return one of the objects that belong to a TracedModel."""
        entry = self._families.get(key, {}).get(child)
        return None if entry is None else _read(entry)

    def children(self, key: Key) -> list[dict[str, Any]]:
        """Return the objects that belong to a TracedModel."""
        family = self._families.get(key, {})
        return [_read(entry) for child, entry in family.items() if child != _SELF]

    def _drop(self, key: Key | None, child: ChildKey) -> None:
        if key is None:
            return
        family = self._families[key]
        del family[child]
        if not family:
            del self._families[key]


def _read(entry: _Entry) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(zlib.decompress(entry.data))
    return found


def _child_key(item: Object) -> ChildKey:
    return _SELF if item["kind"] == TRACED_MODEL.name else (item["kind"], item["metadata"]["name"])


def _version(metadata: Object) -> int:
    # Kubernetes has promised since 1.35 that versions of a kind can be compared as numbers, as etcd's always were.
    text = metadata.get("resourceVersion") or "0"
    return int(text) if text.isdigit() else 0
