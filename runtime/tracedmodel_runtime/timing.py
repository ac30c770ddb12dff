"""How long runs take: warmed up, in turns, so that what disturbs the machine disturbs all alike."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

WARM_UP = 3
"""TorchScript profiles the first two runs and is steady from the third on."""
LEAST_RUNS = 7
MOST_RUNS = 40


@dataclass(frozen=True)
class Times:
    """Times of single runs, in microseconds, sorted."""

    microseconds: tuple[int, ...]

    def quantile(self, share: float) -> int:
        """Return the time that ``share`` of the runs did not exceed."""
        last = len(self.microseconds) - 1
        return self.microseconds[min(last, round(share * last))]


def measure(
    *runs: Callable[[], object], seconds: float, warm_up: int = WARM_UP
) -> tuple[Times, ...]:
    """Time each of ``runs`` in turns, for about ``seconds`` in all, between 7 and 40 times each."""
    for run in runs:
        for _ in range(warm_up):
            run()
    times: list[list[int]] = [[] for _ in runs]
    end = time.perf_counter() + seconds
    rounds = 0
    while rounds < LEAST_RUNS or (rounds < MOST_RUNS and time.perf_counter() < end):
        for run, own in zip(runs, times, strict=True):
            own.append(_microseconds(run))
        rounds += 1
    return tuple(Times(tuple(sorted(own))) for own in times)


def _microseconds(run: Callable[[], object]) -> int:
    start = time.perf_counter_ns()
    run()
    return (time.perf_counter_ns() - start) // 1000
