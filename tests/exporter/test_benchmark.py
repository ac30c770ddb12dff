from __future__ import annotations

import itertools

import pytest

from tracedmodel_exporter import benchmark
from tracedmodel_exporter.benchmark import WARM_UP, Times, measure


class Clock:
    """Time that passes only while what is measured runs."""

    def __init__(self, monkeypatch, milliseconds):
        self.now = 0
        self.runs = 0
        self._costs = itertools.cycle(milliseconds)
        monkeypatch.setattr(benchmark.time, "perf_counter", lambda: self.now / 1e9)
        monkeypatch.setattr(benchmark.time, "perf_counter_ns", lambda: self.now)

    def run(self):
        self.runs += 1
        self.now += next(self._costs) * 1_000_000


@pytest.mark.parametrize(
    ("milliseconds", "runs"), [(1000, 7), (50, 20), (1, 40)], ids=["slow", "middling", "quick"]
)
def test_as_many_runs_are_timed_as_a_second_holds_but_no_less_than_7_and_no_more_than_40(
    milliseconds, runs, monkeypatch
):
    clock = Clock(monkeypatch, [milliseconds])
    times = measure(clock.run)
    assert clock.runs == WARM_UP + runs
    assert times.microseconds == (milliseconds * 1000,) * runs


def test_the_first_runs_are_not_counted(monkeypatch):
    clock = Clock(monkeypatch, [900, 900, 900, *[1] * 60])
    assert set(measure(clock.run).microseconds) == {1000}


def test_quantiles_are_of_the_times_in_order(monkeypatch):
    times = measure(Clock(monkeypatch, [3, 1, 2]).run)
    assert list(times.microseconds) == sorted(times.microseconds)
    hundred = Times(tuple(range(1, 101)))
    assert hundred.quantile(0.5) in (50, 51)
    assert hundred.quantile(0.99) == 99
    assert hundred.quantile(1) == 100
    assert Times((5,)).quantile(0.99) == 5
