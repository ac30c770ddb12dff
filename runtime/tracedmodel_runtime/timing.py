"""How long runs take: warmed up, in turns, so that what disturbs the machine disturbs all alike."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

WARM_UP = 3
"""TorchScript profiles the first two runs and is steady from the third on."""
LEAST_RUNS = 7
MOST_RUNS = 40
_LEAST_STEADY, _MOST_STEADY, _STEADY_MICROSECONDS = 2, 5, 50_000


@dataclass(frozen=True)
class Times:
    """Times of single runs, in microseconds, sorted."""

    microseconds: tuple[int, ...]

    def quantile(self, share: float) -> int:
        """Return the time that ``share`` of the runs did not exceed."""
        last = len(self.microseconds) - 1
        return self.microseconds[min(last, round(share * last))]


class Stopwatch:
    """Times runs that are done for another reason, such as a proof, and as many more as are needed.

    ``profiled`` runs come first that are slow; none where a run calls its graph often.
    """

    def __init__(self, profiled: int = WARM_UP - 1) -> None:
        self._profiled = profiled
        self._microseconds: list[int] = []

    def run(self, work: Callable[[], T]) -> T:
        """Return what ``work`` returns, and note how long it took."""
        start = time.perf_counter_ns()
        result = work()
        self._microseconds.append((time.perf_counter_ns() - start) // 1000)
        return result

    def times(self, work: Callable[[], object]) -> Times:
        """Return the times of all runs but the slow first ones, after more runs where those were too few.

        Two steady runs are enough where a run is long, because what disturbs it is short beside it.
        """
        steady = self._microseconds[self._profiled :]
        while len(steady) < _LEAST_STEADY or (
            len(steady) < _MOST_STEADY and sum(steady) < _STEADY_MICROSECONDS
        ):
            self.run(work)
            steady = self._microseconds[self._profiled :]
        return Times(tuple(sorted(steady)))


def measure(
    *runs: Callable[[], object], seconds: float, warm_up: int = WARM_UP, least: int = LEAST_RUNS
) -> tuple[Times, ...]:
    """Time each of ``runs`` in turns, for about ``seconds`` in all, between ``least`` and 40 times each."""
    for run in runs:
        for _ in range(warm_up):
            run()
    times: list[list[int]] = [[] for _ in runs]
    end = time.perf_counter() + seconds
    rounds = 0
    while rounds < least or (rounds < MOST_RUNS and time.perf_counter() < end):
        for run, own in zip(runs, times, strict=True):
            own.append(_microseconds(run))
        rounds += 1
    return tuple(Times(tuple(sorted(own))) for own in times)


def _microseconds(run: Callable[[], object]) -> int:
    start = time.perf_counter_ns()
    run()
    return (time.perf_counter_ns() - start) // 1000
