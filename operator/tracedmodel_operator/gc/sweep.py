"""Removes garbage from a store while exports and other clean-ups go on. ``docs/garbage.md`` says why nothing else goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tracedmodel_api.keeping import SWEEPING, condemn, unheeded
from tracedmodel_api.objects import Entry
from tracedmodel_api.report import Failure
from tracedmodel_operator.gc.reach import Verdict, judge
from tracedmodel_operator.gc.roots import Roots
from tracedmodel_operator.gc.stock import Looks

_BATCH = 1000
"""Objects that one request to S3 deletes."""


@dataclass
class Removed:
    """What went."""

    names: list[Entry] = field(default_factory=list)
    pins: list[Entry] = field(default_factory=list)
    blobs: list[Entry] = field(default_factory=list)


@dataclass(frozen=True)
class Times:
    """When a clean-up began, which is before it read the roots; what is older than ``cutoff`` may go."""

    began: datetime
    cutoff: datetime
    clock: Callable[[], datetime]


class Sweep:
    """One clean-up."""

    def __init__(
        self, looks: Looks, roots: Roots, times: Times, say: Callable[[str], None]
    ) -> None:
        self._looks = looks
        self._objects = looks.store.objects
        self._roots = roots
        self._times = times
        self._say = say
        self.removed = Removed()

    def judge(self) -> Verdict:
        """Return what goes and what stays as of now; raises Failure where a name that stays cannot be read."""
        stock = self._looks.look()
        self._say(f"{len(stock.names)} names, {len(stock.pins)} pins and {len(stock.blobs)} blobs")
        verdict = judge(stock, self._roots, self._times.cutoff)
        if verdict.unreadable:
            message = f"{', '.join(verdict.unreadable)}: no manifest that this version reads; remove it, or upgrade"
            raise Failure("ManifestInvalid", f"{self._objects.url}: {message}")
        return verdict

    def remove(self, first: Verdict) -> None:
        """Remove what is garbage by a first look and still is: names and pins, then blobs that nothing names since.

        Raises Failure StoreBusy where it takes too long or another one goes on. After a failure the note of what is
        condemned stays until nobody heeds it: a request that was given up may still be carried out.
        """
        self._objects.delete(unheeded(self._objects, self._times.clock()))
        condemned = first.garbage.paths()
        if not condemned:
            return
        note = condemn(self._objects, self._times.began, condemned)
        still = self.judge().garbage
        for what, entries, removed in (
            ("names", [name.entry for name in still.names], self.removed.names),
            ("pins", still.pins, self.removed.pins),
        ):
            self._delete(what, [e for e in entries if e.path in condemned], removed)
        # An export may have published meanwhile what these are parts of.
        blobs = [e for e in self.judge().garbage.blobs if e.path in condemned]
        self._delete("blobs", blobs, self.removed.blobs)
        self._objects.delete([note])

    def _delete(self, what: str, entries: Sequence[Entry], removed: list[Entry]) -> None:
        for start in range(0, len(entries), _BATCH):
            if self._times.clock() - self._times.began >= SWEEPING:
                minutes = int(SWEEPING.total_seconds() // 60)
                message = f"{minutes} minutes are over: the rest goes with the next run"
                raise Failure("StoreBusy", f"{self._objects.url}: {message}")
            batch = entries[start : start + _BATCH]
            self._objects.delete(entry.path for entry in batch)
            removed += batch
            self._say(f"{what}: {len(removed)} of {len(entries)} removed")
