"""Signs of life from the API server, by kind: what health judges and metrics tell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Signs:
    """Of one kind: seconds since it is awaited, since its last whole list, and since its last watch event; None is never."""

    awaited: float
    listed: float | None = None
    heard: float | None = None

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

    def expect(self, kinds: Iterable[str]) -> None:
        """Await signs of these kinds from now on; a standby, which watches nothing, awaits none."""
        self._awaited |= dict.fromkeys(kinds, self._clock())

    def listed(self, kind: str) -> None:
        """Take note of a list of a kind that came whole."""
        self._listed[kind] = self._clock()

    def heard(self, kind: str) -> None:
        """Take note of a watch event of a kind, a bookmark included."""
        self._heard[kind] = self._clock()

    def signs(self) -> dict[str, Signs]:
        """Return what is known of each awaited kind."""
        now = self._clock()

        def age(times: Mapping[str, float], kind: str) -> float | None:
            return now - times[kind] if kind in times else None

        return {
            kind: Signs(now - since, age(self._listed, kind), age(self._heard, kind))
            for kind, since in self._awaited.items()
        }


def deafness(signs: Mapping[str, Signs], limit: float) -> str | None:
    """Return a sentence if a kind gave no sign for longer than ``limit`` seconds: its watch and the lists are dead."""
    silent = {kind: known.silence for kind, known in signs.items() if known.silence > limit}
    if not silent:
        return None
    longest = max(silent.values())
    kinds = ", ".join(sorted(silent))
    return f"neither a list nor a watch event for up to {longest:.0f} s: {kinds}"
