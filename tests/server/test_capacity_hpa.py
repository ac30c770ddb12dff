"""The autoscaler's arithmetic, by cases of Kubernetes' documentation of it, computed by hand."""

import pytest

from tracedmodel_server.capacity.hpa import Autoscaler, Policy, Rules, propose

AT_ONCE = Rules(window=0, percent=10_000, pods=10_000, period=1)


def policy(least=1, most=1000, target=0.1, up=AT_ONCE, down=AT_ONCE):
    return Policy(least, most, target, up, down)


def counts(scaler, looks, current, ready=None):
    """Return the replicas after each look: seconds and the load of those who are ready."""
    found = []
    for now, load in looks:
        up = current if ready is None else min(ready, current)
        current = scaler.decide(now, current, up, load)
        found.append(current)
    return found


@pytest.mark.parametrize(
    ("current", "load", "wanted"),
    [
        (
            1,
            0.2,
            2,
        ),  # "if the current metric value is 200m and the desired value is 100m, ... doubled"
        (4, 0.05, 2),  # "if the current value is instead 50m, ... halve the number of replicas"
        (10, 0.109, 10),  # within the tolerance of 0.1
        (10, 0.111, 12),  # ceil(11.1)
        (10, 0.091, 10),
        (10, 0.089, 9),  # ceil(8.9)
        (3, 0.14, 5),  # ceil(4.2)
    ],
)
def test_replicas_follow_the_ratio_of_load_to_target_rounded_up(current, load, wanted):
    assert propose(current, current, load, policy()) == wanted


@pytest.mark.parametrize(
    ("current", "ready", "load", "wanted"),
    [
        (4, 2, 0.3, 6),  # (2 * 3 + 2 * 0) / 4 = 1.5, of four
        (4, 2, 0.2, 4),  # (2 * 2 + 0) / 4 = 1: those that start are enough
        (4, 3, 0.12, 4),  # 0.9 with idle ones: a rise never becomes a fall
        (4, 2, 0.05, 3),  # (2 * 0.5 + 2 * 1) / 4 = 0.75
        (4, 1, 0.08, 4),  # (0.8 + 3) / 4 = 0.95: within the tolerance
        (4, 0, 0.0, 4),  # nobody tells anything
    ],
)
def test_pods_that_tell_nothing_are_idle_on_the_way_up_and_as_wanted_on_the_way_down(
    current, ready, load, wanted
):
    assert propose(current, ready, load, policy()) == wanted


def test_a_tenth_at_a_time_is_rounded_so_that_something_goes():
    # "During the first iteration ... 8 replicas will be reduced. ... 72 ... 10% of the pods is 7.2 but the number
    # is rounded up to 8." Below forty, four pods are more than a tenth.
    scaler = Autoscaler(policy(least=10, down=Rules(0, percent=10, pods=4, period=60)))
    looks = [(60.0 * minute, 0.01) for minute in range(1, 14)]
    found = counts(scaler, looks, 80)
    assert found == [72, 64, 57, 51, 45, 40, 36, 32, 28, 24, 20, 16, 12]


def test_no_more_may_be_added_in_a_period_however_often_it_is_looked():
    scaler = Autoscaler(policy(up=Rules(0, percent=100, pods=4, period=60)))
    looks = [(15.0 * look, 1.0) for look in range(9)]
    assert counts(scaler, looks, 1) == [5, 5, 5, 5, 10, 10, 10, 10, 20]


def test_replicas_that_were_taken_away_in_the_period_do_not_count_as_room():
    scaler = Autoscaler(policy(up=Rules(0, percent=100, pods=1, period=60), down=AT_ONCE))
    assert counts(scaler, [(0, 0.05), (15, 1.0)], 8) == [4, 16]


def test_a_fall_has_to_last_for_the_window_and_then_goes_to_the_highest_of_it():
    scaler = Autoscaler(policy(down=Rules(300, percent=100, pods=1, period=15)))
    # Proposed are 10, 5, 8, 5, then of eight replicas 4 and 4.
    looks = [(0, 0.1), (15, 0.05), (150, 0.08), (300, 0.05), (315, 0.05), (450, 0.05)]
    assert counts(scaler, looks, 10) == [10, 10, 10, 8, 8, 5]


def test_a_rise_has_to_last_for_its_window_if_there_is_one():
    scaler = Autoscaler(policy(up=Rules(60, percent=1000, pods=1, period=15)))
    looks = [(0, 0.1), (15, 0.3), (30, 0.2), (45, 0.4), (60, 0.4), (90, 0.4)]
    assert counts(scaler, looks, 2) == [2, 2, 2, 2, 4, 8]


def test_the_bounds_hold_whatever_the_load():
    scaler = Autoscaler(policy(least=2, most=5))
    assert counts(scaler, [(0, 1.0), (15, 0.0)], 3) == [5, 2]


def test_a_target_near_all_that_there_is_never_adds_anything():
    assert propose(3, 3, 1.0, policy(target=0.91)) == 3
    assert propose(3, 3, 1.0, policy(target=0.9)) == 4
