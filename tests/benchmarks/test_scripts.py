"""What the benchmarks make of what they measured."""

import json
import os
import random

import pytest

import export
import figures
import harness
import load
import operating


def test_what_is_no_step_is_the_rest():
    found = export.by_step({"trace": 1500, "load": 250, "import": 900, "fetch": 3}, 4.0)
    assert list(found) == ["rest", *export.STEPS]
    assert (found["trace"], found["load"], found["rest"]) == (1.5, 0.25, 2.25)
    assert sum(found.values()) == 4.0


def test_steps_are_compared_by_their_medians():
    ours = [{"rest": 1.0, "trace": seconds} for seconds in (3.0, 9.0, 2.0)]
    theirs = [{"rest": seconds, "trace": 4.0} for seconds in (1.0, 5.0, 6.0)]
    assert export.compare_steps(ours, theirs) == [
        {"step": "rest", "seconds": 1.0, "plain_seconds": 5.0},
        {"step": "trace", "seconds": 3.0, "plain_seconds": 4.0},
    ]


def test_rates_grow_by_a_fifth_and_are_whole():
    rates = load.rates()
    assert [next(rates) for _ in range(5)] == [20, 24, 29, 35, 41]


def test_a_step_has_the_median_and_the_slowest_of_a_hundred():
    seconds = [number / 1000 for number in range(1, 102)]
    random.Random(1).shuffle(seconds)
    assert load.step("plain", 20.0, seconds) == load.Step("plain", 20.0, 51.0, 100.0, 0)


def test_who_had_no_answer_waited_as_long_as_clients_do():
    found = load.step("plain", 20.0, [0.01] * 96 + [None] * 4)
    assert (found.p50_ms, found.p99_ms, found.failed) == (10.0, 120_000.0, 4)


def steps(name, *p99s):
    return [
        load.Step(name, rate, rate / 10, p99, 0)
        for rate, p99 in zip((20.0, 24.0, 29.0), p99s, strict=False)
    ]


def test_a_server_is_in_time_up_to_the_first_rate_at_which_it_is_not():
    told = load.summary([*steps("tracedmodel", 50, 100, 101), *steps("plain", 50, 101, 60)])
    assert told == {
        "requests_per_second_in_100_ms": 24.0,
        "light_p50_ms": 2.0,
        "plain_requests_per_second_in_100_ms": 20.0,
        "plain_light_p50_ms": 2.0,
    }
    assert set(told) == {figure.name for figure in figures.FIGURES["load"]}


def test_a_server_that_is_never_in_time_is_told():
    told = load.summary([*steps("tracedmodel", 200), *steps("plain", 50)])
    assert told["requests_per_second_in_100_ms"] == 0


def test_servers_and_clients_share_the_processors_out():
    assert load.halves([0, 1, 2, 3, 4]) == ([0, 1], [2, 3, 4])
    assert load.halves([3]) == ([3], [3])


def test_of_many_resources_the_first_is_drawn_and_every_fiftieth():
    jobs = [number / 100 for number in range(1, 1001)]
    ready = [number / 50 for number in range(1, 1001)]
    found = operating.created(jobs, ready)
    assert found[0] == {"resources": 1, "jobs_s": 0.01, "ready_s": 0.02}
    assert found[1] == {"resources": 50, "jobs_s": 0.5, "ready_s": 1.0}
    assert found[-1] == {"resources": 1000, "jobs_s": 10.0, "ready_s": 20.0}
    assert len(found) == 21


def test_results_carry_the_machine_and_what_is_drawn(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(harness, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(harness, "_LIBRARIES", ("numpy",))
    harness.write_results("x", {"a": 1.0, "b": 3.0}, {"a": 1, "b": 2}, {"points": [1, 2]})
    told = json.loads((tmp_path / "results" / "x.json").read_text())
    assert (told["a"], told["points"]) == (1.0, [1, 2])
    assert f"{os.cpu_count()} CPUs" in told["machine"]
    assert list(told["versions"]) == ["numpy"]
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].endswith("(bar 1)")
    assert shown[1].endswith("(bar 2, missed)")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.5163, "0.516"),
        (6.0, "6"),
        (1.0013, "1.00"),
        (432.29, "432"),
        (35476.2, "35,476"),
        (2.4214e-7, "2.42e-07"),
    ],
)
def test_a_value_is_told_to_three_digits(value, words):
    assert figures.told(value) == words
