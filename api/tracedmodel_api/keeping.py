"""What exports and clean-ups leave in a store for each other, so that neither waits for the other.

    pins/<digest>.json        digests of the manifests that an export is about to report
    condemned/<name>.json     paths that a clean-up may remove from now on

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
STALE = 2 * SWEEPING
"""A note of what is condemned that is older was left by a clean-up that ended: twice, as clocks differ."""
PINS, CONDEMNED = "pins", "condemned"
_LOOKS = 16
"""Blobs that are looked for at a time: 32 buckets have a hundred, and each takes an object store some milliseconds."""


@dataclass(frozen=True)
class Note:
    """A pin, or what a clean-up condemned: its words are digests or paths."""

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
    moment = (now or _now)()
    for note in read_notes(store.objects, CONDEMNED):
        if moment - note.entry.modified < STALE and wanted & note.words:
            message = (
                "a clean-up is removing what this export relies on: export again once it ended"
            )
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


def condemn(objects: Objects, name: str, paths: Iterable[str]) -> str:
    """Note what a clean-up may remove from now on; return the note's path."""
    path = f"{CONDEMNED}/{name}.json"
    objects.write(path, canonical_json({"formatVersion": FORMAT_VERSION, CONDEMNED: sorted(paths)}))
    return path


def read_notes(objects: Objects, kind: str) -> list[Note]:
    """Return all pins, or all that is condemned; raises Failure for a note that cannot be read."""
    found = (_read(objects, entry, kind) for entry in objects.entries(kind))
    return [note for note in found if note is not None]


def _read(objects: Objects, entry: Entry, kind: str) -> Note | None:
    try:
        document = json.loads(objects.read(entry.path))
        version, words = document["formatVersion"], document[kind]
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        message = f"{objects.url}: {entry.path} is no note of an export or a clean-up: remove it"
        raise Failure("ManifestInvalid", message) from None
    if version != FORMAT_VERSION:
        message = f"{objects.url}: {entry.path} has format {version!r}"
        raise Failure("FormatUnsupported", message)
    return Note(entry, frozenset(words))
