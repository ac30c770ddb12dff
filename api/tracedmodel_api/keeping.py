"""What exports and clean-ups leave in a store for each other, so that neither waits for the other.

    pins/<digest>.json        digests of the manifests that an export is about to report
    condemned/<hour>.json     paths that the clean-up that began in this hour may remove from now on

An export pins, then reads what is condemned, then looks whether its blobs are there. A clean-up condemns, then reads
what is pinned, then removes. A store shows a write that ended to every later read, so one of the two sees the other:
the clean-up spares what is pinned, or the export learns that it has to trace anew or to come again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from tracedmodel_api.canonical import canonical_json, sha256_hex
from tracedmodel_api.manifest import FORMAT_VERSION, Graph
from tracedmodel_api.objects import Entry, Objects
from tracedmodel_api.report import Failure
from tracedmodel_api.store import Store, blob_path

SWEEPING = timedelta(minutes=30)
"""A clean-up removes nothing later than this after it began."""
_HOURS = tuple(timedelta(hours=hours) for hours in (-1, 0, 1))
"""A clean-up that goes on now began in one of these, by clocks that differ by less than half an hour."""
PINS, CONDEMNED = "pins", "condemned"
_LOOKS = 16
"""Blobs that are looked for at a time: 32 buckets have a hundred, and each takes an object store some milliseconds."""


@dataclass(frozen=True)
class Note:
    """A pin; its words are digests of manifests."""

    entry: Entry
    words: frozenset[str]


def settle(
    store: Store, graphs: Collection[Graph], now: Callable[[], datetime] | None = None
) -> list[Graph]:
    """Keep graphs from clean-ups for as long as these spare what is new; return those that are not whole.

    Raises Failure StoreBusy where a clean-up may remove a part of them this moment.
    """
    pinned = pin(store.objects, [graph.identity() for graph in graphs])
    parts = {graph.identity(): _parts(graph) for graph in graphs}
    wanted = {pinned}.union(*parts.values())
    if wanted & _condemned(store.objects, (now or _now)()):
        message = "a clean-up is removing what this export relies on: export again once it ended"
        raise Failure("StoreBusy", f"store {store.url}: {message}")
    gone = _gone(store.objects, sorted(wanted))
    return [graph for graph in graphs if gone & parts[graph.identity()]]


def _gone(objects: Objects, paths: Collection[str]) -> set[str]:
    with ThreadPoolExecutor(_LOOKS) as pool:
        sizes = pool.map(objects.size, paths)
        return {path for path, size in zip(paths, sizes, strict=True) if size is None}


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _parts(graph: Graph) -> frozenset[str]:
    return frozenset(map(blob_path, (graph.identity(), *(blob.digest for blob in graph.blobs()))))


def pin(objects: Objects, manifests: Iterable[str]) -> str:
    """Note the manifests that an export is about to report, as of now; return the note's path."""
    data = canonical_json({"formatVersion": FORMAT_VERSION, PINS: sorted(manifests)})
    path = f"{PINS}/{sha256_hex(data)}.json"
    objects.write(path, data)
    return path


def condemn(objects: Objects, began: datetime, paths: Iterable[str]) -> str:
    """Note what a clean-up may remove from now on; return the note's path.

    Raises Failure StoreBusy where another clean-up began in the same hour and goes on, or was killed.
    """
    path = _note_of(began)
    data = canonical_json({"formatVersion": FORMAT_VERSION, CONDEMNED: sorted(paths)})
    if not objects.create(path, data):
        message = f"another clean-up began in this hour and goes on, or was killed: {path}"
        raise Failure("StoreBusy", f"{objects.url}: {message}")
    return path


def unheeded(objects: Objects, now: datetime) -> list[str]:
    """Return the notes of clean-ups that were killed so long ago that no export reads them."""
    heeded = [_note_of(now + hours) for hours in _HOURS]
    return [path for path in objects.paths(CONDEMNED) if path < min(heeded)]


def _note_of(moment: datetime) -> str:
    return f"{CONDEMNED}/{moment.astimezone(timezone.utc):%Y-%m-%dT%H}.json"


def _condemned(objects: Objects, now: datetime) -> frozenset[str]:
    # By their names: some stores' lists are late.
    found = (_read(objects, _note_of(now + hours), CONDEMNED) for hours in _HOURS)
    return frozenset().union(*(words for words in found if words))


def read_pins(objects: Objects) -> list[Note]:
    """Return all pins; raises Failure for one that cannot be read."""
    found = ((entry, _read(objects, entry.path, PINS)) for entry in objects.entries(PINS))
    return [Note(entry, words) for entry, words in found if words is not None]


def _read(objects: Objects, path: str, kind: str) -> frozenset[str] | None:
    try:
        document = json.loads(objects.read(path))
        version, words = document["formatVersion"], document[kind]
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        message = f"{objects.url}: {path} is no note of an export or a clean-up: remove it"
        raise Failure("ManifestInvalid", message) from None
    if version != FORMAT_VERSION:
        message = f"{objects.url}: {path} has format {version!r}"
        raise Failure("FormatUnsupported", message)
    return frozenset(words)
