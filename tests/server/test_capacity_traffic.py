import json

import numpy as np
import pytest

from capacity_plans import traffic
from tracedmodel_api.report import Failure
from tracedmodel_server.capacity.traffic import read_traffic

GOOD = {"requestsPerSecond": 5, "lengths": [{"tokens": 8, "weight": 3}, {"tokens": 4, "weight": 1}]}


@pytest.fixture
def read(tmp_path):
    """Return a function that reads a traffic file with this text, or this document."""

    def reading(given):
        path = tmp_path / "traffic.yaml"
        path.write_text(given if isinstance(given, str) else json.dumps(given), encoding="utf-8")
        return read_traffic(path)

    return reading


def test_weights_become_shares_shortest_first(read):
    assert list(read(GOOD).shares().items()) == [(4, 0.25), (8, 0.75)]


def test_a_length_that_never_comes_is_left_out(read):
    lengths = [*GOOD["lengths"], {"tokens": 500, "weight": 0}]
    assert max(read({**GOOD, "lengths": lengths}).shares()) == 8


def test_yaml_is_read_as_json_is(read):
    text = "requestsPerSecond: 5\nlengths:\n- {tokens: 8, weight: 3}\n- {tokens: 4, weight: 1}\n"
    assert read(text) == read(GOOD)


def test_one_rate_is_that_of_every_hour(read):
    assert (read(GOOD).peak_rate, read(GOOD).mean_rate) == (5, 5)


def test_of_a_day_the_busiest_hour_is_the_peak(read):
    day = {"requestsPerSecondByHour": [0] * 12 + [12] * 11 + [36], "lengths": GOOD["lengths"]}
    assert (read(day).peak_rate, read(day).mean_rate) == (36, 7)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"requestsPerSecond": 0},
            "requestsPerSecond: Input should be greater than 0, given is '0'",
        ),
        ({"requestsPerSecond": "5"}, "requestsPerSecond: Input should be a valid number"),
        ({"requestsPerSecond": None}, "give either requestsPerSecond or requestsPerSecondByHour"),
        ({"requestsPerSecondByHour": [1] * 24}, "give either"),
        ({"requestsPerSecond": None, "requestsPerSecondByHour": [0] * 24}, "has no request"),
        ({"requestsPerSecond": None, "requestsPerSecondByHour": [1] * 23}, "at least 24 items"),
        ({"lengths": []}, "lengths: List should have at least 1 item"),
        ({"lengths": [{"tokens": 0, "weight": 1}]}, "lengths.0.tokens: Input should be greater"),
        ({"lengths": [{"tokens": 8}]}, "lengths.0.weight: Field required"),
        ({"lengths": [{"tokens": 8, "weight": -1}]}, "lengths.0.weight: Input should be"),
        ({"lengths": [{"tokens": 8, "weight": 0}]}, "no weight above 0"),
        ({"lengths": [{"tokens": 8, "weight": 1}] * 2}, "the same tokens twice"),
        ({"textsPerRequest": 0}, "textsPerRequest: Input should be greater"),
        ({"rps": 5}, "rps: Extra inputs are not permitted"),
    ],
)
def test_what_is_wrong_is_told_by_its_field(read, change, said):
    with pytest.raises(Failure) as caught:
        read({**GOOD, **change})
    assert said in str(caught.value)
    assert "docs/capacity.md" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has 0 documents"),
        ("a: 1\n---\nb: 1\n", "has 2 documents"),
        ("a: [", "line 1"),
        ("5", "traffic: "),
    ],
)
def test_a_file_that_is_no_traffic_is_refused(read, text, said):
    with pytest.raises(Failure, match=said):
        read(text)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(Failure, match="cannot be read"):
        read_traffic(tmp_path / "missing.yaml")


def test_requests_come_as_a_poisson_process_does():
    requests = list(traffic(rate=200, lengths=((8, 1), (64, 3)), texts=2).requests(50_000, seed=3))
    gaps = np.diff([time for time, _ in requests])
    assert gaps.mean() == pytest.approx(1 / 200, rel=0.02)
    assert gaps.std() == pytest.approx(1 / 200, rel=0.03)
    lengths = np.array([tokens for _, tokens in requests])
    assert lengths.shape == (50_000, 2)
    assert (lengths == 64).mean() == pytest.approx(0.75, rel=0.02)


def test_the_same_seed_gives_the_same_requests_and_more_traffic_comes_sooner():
    once, again = (list(traffic().requests(100, seed=5)) for _ in range(2))
    assert once == again
    assert once != list(traffic().requests(100, seed=6))
    doubled = list(traffic().requests(100, seed=5, times=2.0))
    assert [time for time, _ in doubled] == pytest.approx([time / 2 for time, _ in once])
