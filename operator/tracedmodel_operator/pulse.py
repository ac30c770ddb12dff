"""Signs of life from the API server, by kind: what health judges and metrics tell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Signs:
    """Of one kind: seconds since it is awaited, since its last whole list, and since its last watch event; None is never.

    ``untold``: seconds since a list found what the watch has to tell, too, and did not until now.
    """

    awaited: float
    listed: float | None = None
    heard: float | None = None
    untold: float | None = None

    @property
    def silence(self) -> float:
        """Seconds without any sign."""
        known = (age for age in (self.awaited, self.listed, self.heard) if age is not None)
        return min(known)


class Pulse:
    """Takes note of lists and watch events. Nothing is awaited, and nothing missed, before :meth:`expect`."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._awaited: dict[str, float] = {}
        self._listed: dict[str, float] = {}
        self._heard: dict[str, float] = {}
        self._untold: defaultdict[str, dict[str, float]] = defaultdict(dict)

    def expect(self, kinds: Iterable[str]) -> None:
        """Await signs of these kinds from now on; a standby, which watches nothing, awaits none."""
        self._awaited |= dict.fromkeys(kinds, self._clock())

    def listed(self, kind: str) -> None:
        """Take note of a list of a kind that came whole."""
        self._listed[kind] = self._clock()

    def found(self, kind: str, namespace: str) -> None:
        """Take note of news in a list, of an object that is there: a watch that lives will tell them, if it did not."""
        if kind in self._awaited:
            self._untold[kind].setdefault(namespace, self._clock())

    def heard(self, kind: str, namespace: str) -> None:
        """Take note of a watch event. Each namespace may have a watch of its own."""
        self._heard[kind] = self._clock()
        self._untold[kind].pop(namespace, None)

    def signs(self) -> dict[str, Signs]:
        """Return what is known of each awaited kind."""
        now = self._clock()

        def age(moments: Iterable[float | None]) -> float | None:
            return max((now - moment for moment in moments if moment is not None), default=None)

        return {
            kind: Signs(
                now - since,
                age([self._listed.get(kind)]),
                age([self._heard.get(kind)]),
                age(self._untold[kind].values()),
            )
            for kind, since in self._awaited.items()
        }


def deafness(signs: Mapping[str, Signs], limit: float, patience: float) -> str | None:
    """Return a sentence if watches are dead, or None: where nothing happens, nothing is to be told.

    They are where a kind gave no sign for longer than ``limit`` seconds, not even a list, or where lists found what a
    watch did not tell for longer than ``patience`` seconds.
    """
    silent = _above(limit, {kind: known.silence for kind, known in signs.items()})
    if silent:
        worst = max(silent.values())
        return f"neither a list nor a watch event for up to {worst:.0f} s: {_words(silent)}"
    untold = _above(patience, {kind: known.untold or 0.0 for kind, known in signs.items()})
    if untold:
        worst = max(untold.values())
        return f"watches do not tell what lists found up to {worst:.0f} s ago: {_words(untold)}"
    return None


def _above(limit: float, ages: Mapping[str, float]) -> dict[str, float]:
    return {kind: age for kind, age in ages.items() if age > limit}


def _words(kinds: Iterable[str]) -> str:
    return ", ".join(sorted(kinds))
