from __future__ import annotations

import itertools

import pytest

from tracedmodel_runtime import timing
from tracedmodel_runtime.timing import WARM_UP, Stopwatch, Times, measure


class Clock:
    """Time that passes only while what is measured runs."""

    def __init__(self, monkeypatch, milliseconds):
        self.now = 0
        self.runs = 0
        self._costs = itertools.cycle(milliseconds)
        monkeypatch.setattr(timing.time, "perf_counter", lambda: self.now / 1e9)
        monkeypatch.setattr(timing.time, "perf_counter_ns", lambda: self.now)

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
    (times,) = measure(clock.run, seconds=1)
    assert clock.runs == WARM_UP + runs
    assert times.microseconds == (milliseconds * 1000,) * runs


def test_the_first_runs_are_not_counted(monkeypatch):
    clock = Clock(monkeypatch, [900, 900, 900, *[1] * 60])
    (times,) = measure(clock.run, seconds=1)
    assert set(times.microseconds) == {1000}


def test_quantiles_are_of_the_times_in_order(monkeypatch):
    (times,) = measure(Clock(monkeypatch, [3, 1, 2]).run, seconds=1)
    assert list(times.microseconds) == sorted(times.microseconds)
    hundred = Times(tuple(range(1, 101)))
    assert hundred.quantile(0.5) in (50, 51)
    assert hundred.quantile(0.99) == 99
    assert hundred.quantile(1) == 100
    assert Times((5,)).quantile(0.99) == 5


def test_runs_take_turns(monkeypatch):
    clock = Clock(monkeypatch, [1])
    order = []
    runs = [lambda name=name: (order.append(name), clock.run()) for name in "ab"]
    one, two = measure(*runs, seconds=0.02, warm_up=1)
    assert "".join(order) == "ab" + "ab" * 10
    assert len(one.microseconds) == len(two.microseconds) == 10


def test_nothing_is_warmed_up_where_that_is_done_already(monkeypatch):
    clock = Clock(monkeypatch, [1])
    measure(clock.run, seconds=0, warm_up=0)
    assert clock.runs == 7


@pytest.mark.parametrize(
    ("milliseconds", "done", "runs"),
    [(1, 0, 7), (1, 12, 12), (15, 2, 6), (100, 2, 4), (100, 0, 4)],
    ids=["quick", "many already", "middling", "slow", "slow and none done"],
)
def test_runs_of_a_proof_are_timed_and_completed_by_as_few_as_needed(
    milliseconds, done, runs, monkeypatch
):
    clock = Clock(monkeypatch, [milliseconds])
    watch = Stopwatch()
    for _ in range(done):
        watch.run(clock.run)
    times = watch.times(clock.run)
    assert clock.runs == runs
    assert times.microseconds == (milliseconds * 1000,) * (runs - 2)


def test_the_two_runs_that_are_profiled_are_not_counted(monkeypatch):
    clock = Clock(monkeypatch, [900, 500, *[4] * 20])
    watch = Stopwatch()
    assert watch.run(lambda: clock.run() or "what it returns") == "what it returns"
    assert set(watch.times(clock.run).microseconds) == {4000}
