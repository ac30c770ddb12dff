"""How long a bucket takes, traced and eager."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

WARM_UP = 3
"""TorchScript profiles the first two runs and is steady from the third on."""
_RUNS = 40
_LEAST_RUNS = 7
_SECONDS = 1.0


@dataclass(frozen=True)
class Times:
    """Times of single runs, in microseconds, sorted."""

    microseconds: tuple[int, ...]

    def quantile(self, share: float) -> int:
        """Return the time that ``share`` of the runs did not exceed."""
        last = len(self.microseconds) - 1
        return self.microseconds[min(last, round(share * last))]


def measure(run: Callable[[], object], seconds: float = _SECONDS) -> Times:
    """Time ``run`` after a warm-up, for about ``seconds``, between 7 and 40 times."""
    for _ in range(WARM_UP):
        run()
    times: list[int] = []
    end = time.perf_counter() + seconds
    while len(times) < _LEAST_RUNS or (len(times) < _RUNS and time.perf_counter() < end):
        start = time.perf_counter_ns()
        run()
        times.append((time.perf_counter_ns() - start) // 1000)
    return Times(tuple(sorted(times)))
