"""Looks at what stands in a store."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tracedmodel_api.canonical import sha256_hex
from tracedmodel_api.keeping import read_pins
from tracedmodel_api.manifest import Graph
from tracedmodel_api.objects import Entry
from tracedmodel_api.report import Failure
from tracedmodel_api.store import Store, parse_graph
from tracedmodel_operator.gc.reach import Name, Stock

_NAME = re.compile(r"graphs/[0-9a-f]{64}\.json")
_BLOB = re.compile(r"blobs/sha256/([0-9a-f]{64})")
_READERS = 16
"""Manifests that are read at a time."""
_From = TypeVar("_From")
_To = TypeVar("_To")


class Looks:
    """Looks at a store again and again; what did not change is read once."""

    def __init__(self, store: Store, manifests: Iterable[str], readers: int = _READERS) -> None:
        self.store = store
        self._manifests = frozenset(manifests)
        self._readers = readers
        self._names: dict[Entry, Name] = {}
        self._graphs: dict[str, Graph] = {}

    def look(self) -> Stock:
        """Return what stands there now; raises Failure where that cannot be told for sure.

        Blobs are listed last: whatever is named by a pin or a name that is seen is in the list.
        """
        objects = self.store.objects
        pins = tuple(read_pins(objects))
        entries = [entry for entry in objects.entries("graphs") if _NAME.fullmatch(entry.path)]
        names = tuple(name for name in self._each(self._name, entries) if name)
        listed = [(_BLOB.fullmatch(entry.path), entry) for entry in objects.entries("blobs")]
        blobs = {found[1]: entry for found, entry in listed if found}
        wanted = self._manifests.union(*(pin.words for pin in pins))
        graphs = self._each(self._graph, sorted(wanted.intersection(blobs)))
        return Stock(names, pins, blobs, {g.identity(): g for g in graphs if g})

    def _each(self, read: Callable[[_From], _To], wanted: Iterable[_From]) -> list[_To]:
        with ThreadPoolExecutor(self._readers) as pool:
            return list(pool.map(read, wanted))

    def _name(self, entry: Entry) -> Name | None:
        known = self._names.get(entry) if entry.version else None
        return known or self._read_name(entry)

    def _read_name(self, entry: Entry) -> Name | None:
        try:
            data = self.store.objects.read(entry.path)
        except FileNotFoundError:
            return None
        try:
            graph = parse_graph(data, entry.path)
        except Failure:
            graph = None
        self._names[entry] = name = Name(entry, sha256_hex(data), graph)
        return name

    def _graph(self, digest: str) -> Graph | None:
        if digest not in self._graphs:
            try:
                self._graphs[digest] = self.store.graph_by_digest(digest)
            except Failure as failure:
                if failure.reason.name != "BlobMissing":
                    raise
                return None
        return self._graphs[digest]
