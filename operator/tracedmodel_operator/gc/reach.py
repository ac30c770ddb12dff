"""Which objects of a store something names, and which are garbage. No I/O and no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tracedmodel_api.keeping import Note
from tracedmodel_api.manifest import Graph
from tracedmodel_api.objects import Entry
from tracedmodel_operator.gc.roots import Roots

PINNED = "pinned by an export"
YOUNG = "too young"


@dataclass(frozen=True)
class Name:
    """A file under ``graphs/``: the digest of its bytes, and the graph if that is what they are."""

    entry: Entry
    digest: str
    graph: Graph | None


@dataclass(frozen=True)
class Stock:
    """What stands in a store. ``graphs`` are the manifests among the blobs, as far as roots and pins name them."""

    names: tuple[Name, ...] = ()
    pins: tuple[Note, ...] = ()
    blobs: Mapping[str, Entry] = field(default_factory=dict)
    graphs: Mapping[str, Graph] = field(default_factory=dict)


@dataclass(frozen=True)
class Garbage:
    """What goes, in this order: a reader never finds a name whose blobs went before it."""

    names: tuple[Name, ...]
    pins: tuple[Entry, ...]
    blobs: tuple[Entry, ...]

    def paths(self) -> frozenset[str]:
        """Return all paths."""
        names = (name.entry for name in self.names)
        return frozenset(entry.path for entry in (*names, *self.pins, *self.blobs))


@dataclass(frozen=True)
class Kept:
    """Graphs that stay for one reason, and the bytes that they reach; graphs share blobs, so sums mean nothing."""

    why: str
    graphs: int
    size: int


@dataclass(frozen=True)
class Verdict:
    """What goes and what stays."""

    garbage: Garbage
    kept: tuple[Kept, ...]
    reached: frozenset[str]
    """Digests of the blobs that something names."""
    spared: tuple[Entry, ...]
    """Blobs that nothing names, and that are too young to go."""
    unreadable: tuple[str, ...]
    """Names that stay and are no manifests: nobody knows what they reach."""
    named_here: int
    """Graphs of this store that a root names."""

    def is_of_nothing(self) -> bool:
        """Tell whether nothing stands in the store."""
        return not (self.garbage.paths() or self.reached or self.spared)


def judge(stock: Stock, roots: Roots, cutoff: datetime) -> Verdict:
    """Tell garbage from what stays: what a root, a pin or a name reaches, the latter two if not older than ``cutoff``."""
    pins = [pin for pin in stock.pins if pin.entry.modified >= cutoff]
    pinned = frozenset().union(*(pin.words for pin in pins))
    tops = pinned.union(roots.graphs)
    names = [n for n in stock.names if n.digest in tops or n.entry.modified >= cutoff]
    known = {**stock.graphs, **{name.digest: name.graph for name in names if name.graph}}
    tops = tops.union(name.digest for name in names)
    reached = reach(tops, known).union(roots.files)
    unnamed = [entry for digest, entry in stock.blobs.items() if digest not in reached]
    garbage = Garbage(
        tuple(name for name in stock.names if name not in names),
        tuple(pin.entry for pin in stock.pins if pin not in pins),
        tuple(entry for entry in unnamed if entry.modified < cutoff),
    )
    reasons = _reasons(roots, pinned, names)
    return Verdict(
        garbage,
        tuple(_kept(why, graphs, known, stock.blobs) for why, graphs in sorted(reasons.items())),
        frozenset(reached.intersection(stock.blobs)),
        tuple(entry for entry in unnamed if entry.modified >= cutoff),
        tuple(name.entry.path for name in names if name.graph is None),
        len({digest for digest in roots.graphs if digest in known}),
    )


def reach(tops: Iterable[str], graphs: Mapping[str, Graph]) -> frozenset[str]:
    """Return the digests of all blobs that manifests name, and of the manifests."""
    found = set(tops)
    for digest in tuple(found):
        if digest in graphs:
            found.update(blob.digest for blob in graphs[digest].blobs())
    return frozenset(found)


def _reasons(
    roots: Roots, pinned: frozenset[str], names: Iterable[Name]
) -> dict[str, frozenset[str]]:
    """Return the manifests that stay, by why they do."""
    found = {who: frozenset(graphs) for who, graphs in roots.by_holder().items()}
    others = pinned.difference(roots.graphs)
    young = {name.digest for name in names}.difference(roots.graphs, pinned)
    more = {PINNED: others, YOUNG: frozenset(young)}
    return found | {why: graphs for why, graphs in more.items() if graphs}


def _kept(
    why: str, manifests: Iterable[str], known: Mapping[str, Graph], blobs: Mapping[str, Entry]
) -> Kept:
    here = [digest for digest in manifests if digest in known]
    size = sum(blobs[digest].size for digest in reach(here, known) if digest in blobs)
    return Kept(why, len(here), size)
