"""Cleans stores, one after the other, by what clusters and files name meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tracedmodel_api.report import Failure
from tracedmodel_api.store import Store
from tracedmodel_operator.gc.reach import Verdict
from tracedmodel_operator.gc.roots import Roots
from tracedmodel_operator.gc.show import Outcome
from tracedmodel_operator.gc.stock import Looks
from tracedmodel_operator.gc.sweep import Sweep, Times

FRESH = timedelta(minutes=10)
"""For how long one reading of the clusters serves: a store that begins then has time left to remove in."""


@dataclass(frozen=True)
class Wish:
    """What is to be done: ``sure`` means even where nothing names anything."""

    older_than: timedelta
    delete: bool
    sure: bool


class Cleaner:
    """Looks at stores and, if that is wished, removes their garbage."""

    def __init__(
        self,
        read: Callable[[], Roots],
        wish: Wish,
        clock: Callable[[], datetime],
        say: Callable[[str], None],
    ) -> None:
        self._read = read
        self._wish = wish
        self._clock = clock
        self._say = say
        self._world: tuple[datetime, Roots] | None = None

    def clean(self, url: str) -> Outcome:
        """Clean one store; raises Failure where it is not sure that it is garbage."""
        outcome = self._cleaned(url)
        if outcome.doubt and self._wish.delete:
            raise _refusal(outcome)
        return self._warned(outcome)

    def clean_each(self, stores: Mapping[str, str]) -> dict[str, Outcome | Failure]:
        """Clean the stores of namespaces, by URL; one that fails stops no other, a cluster that does stops all.

        They are parts of one: where something names a part of one of them, those of which nothing is named are
        of namespaces whose last TracedModel has gone, and not of clusters that nobody told of.
        """
        found = {url: self._tried(url) for url in stores}
        known = any(isinstance(one, Outcome) and one.verdict.named_here for one in found.values())
        for url, one in found.items():
            if isinstance(one, Outcome) and one.doubt:
                found[url] = self._undoubted(one) if known else self._doubted(one)
        return self._without_absent(found, stores)

    def _tried(self, url: str, *, known: bool = False) -> Outcome | Failure:
        self._say(f"store {url}")
        try:
            return self._cleaned(url, known=known)
        except Failure as failure:
            if failure.reason.name == "ClusterUnreachable":
                raise
            return failure

    def _undoubted(self, outcome: Outcome) -> Outcome | Failure:
        if not self._wish.delete:
            return replace(outcome, doubt=None)
        again = self._tried(outcome.store, known=True)
        return _refusal(again) if isinstance(again, Outcome) and again.doubt else again

    def _doubted(self, outcome: Outcome) -> Outcome | Failure:
        return _refusal(outcome) if self._wish.delete else self._warned(outcome)

    def _without_absent(
        self, found: Mapping[str, Outcome | Failure], stores: Mapping[str, str]
    ) -> dict[str, Outcome | Failure]:
        """Leave out the stores that cannot be opened of namespaces without a TracedModel, unless no other is left."""
        absent = [url for url, one in found.items() if self._is_absent(one, stores[url])]
        if len(absent) == len(found):
            return dict(found)
        for url in absent:
            self._say(f"left out, as {stores[url]} has no TracedModel: {found[url]}")
        return {url: one for url, one in found.items() if url not in absent}

    def _is_absent(self, one: Outcome | Failure, namespace: str) -> bool:
        unread = isinstance(one, Failure) and one.reason.name == "StoreUnreachable"
        return unread and namespace not in self._now()[1].namespaces

    def _cleaned(self, url: str, *, known: bool = False) -> Outcome:
        """Look at a store, and remove its garbage if that is wished and there is no doubt that these name it."""
        began, roots = self._now()
        times = Times(began, began - self._wish.older_than, self._clock)
        sweep = Sweep(Looks(Store(url, create=False), roots.graphs), roots, times, self._say)
        verdict = sweep.judge()
        doubt = None if self._wish.sure else _doubt(verdict, roots, known=known)
        removing = self._wish.delete and doubt is None
        if removing:
            sweep.remove(verdict)
        removed = sweep.removed if removing else None
        return Outcome(url, verdict, removed, began, self._wish.older_than, doubt)

    def _now(self) -> tuple[datetime, Roots]:
        """Return a moment that is not long ago, and what was named then."""
        now = self._clock()
        if self._world is None or now - self._world[0] >= FRESH:
            # Whatever is named later than now was written later than the cut-off: see docs/garbage.md.
            self._world = now, self._read()
        return self._world

    def _warned(self, outcome: Outcome) -> Outcome:
        if outcome.doubt:
            self._say(f"warning: {outcome.doubt}: --delete would refuse")
        return outcome


def _refusal(outcome: Outcome) -> Failure:
    message = f"{outcome.doubt}: nothing is removed without --even-if-nothing-is-named"
    return Failure("InvalidRequest", f"store {outcome.store}: {message}")


def _doubt(verdict: Verdict, roots: Roots, *, known: bool) -> str | None:
    """Return the sentence that says that nothing in the store is named, where that is so."""
    if not roots.holders:
        return "there is no TracedModel and no index in what was looked at"
    if not known and not verdict.named_here and verdict.garbage.paths():
        return f"{roots.holders} TracedModels and indexes name nothing that is in this store"
    return None
