import math

import pytest

from capacity_plans import EIGHT, ONE, fleet, steady, traffic
from tracedmodel_server.capacity.day import (
    STEP_SECONDS,
    Day,
    Delays,
    Measure,
    fixed_day,
    instance_hours,
    scaled_day,
    summary,
)
from tracedmodel_server.capacity.figures import figures
from tracedmodel_server.capacity.hpa import Policy
from tracedmodel_server.capacity.loads import Loads, loads_of
from tracedmodel_server.capacity.plan import Demand
from tracedmodel_server.capacity.simulate import Run, Simulation

# A server that bears 100 requests a second, is busy half of its time at a tenth of that, and is late above 90.
LOADS = Loads(100.0, [10.0, 90.0, 100.0, 200.0], [0.5, 0.9, 1.0, 1.0], [0, 0, 1, 1], [0, 0, 0, 0.5])
NIGHT_AND_DAY = [100.0] * 8 + [2000.0] * 8 + [100.0] * 8
POLICY = Policy(least=1, most=100)
NOW = Delays(node=0, replica=0)


@pytest.fixture(scope="module")
def demand():
    times = steady((ONE, 0.010), (EIGHT, 0.040))
    return Demand(traffic(rate=300.0), 0.1, fleet(times=times), run=Run(6000))


@pytest.fixture(scope="module")
def loads(demand):
    return loads_of(demand, workers=1)


def test_one_server_at_its_share_of_the_rate_is_what_each_of_several_is(demand, loads):
    three = fleet(3, times=demand.server.times)
    record = Simulation(three, Run(20_000)).play(demand.traffic.requests(20_000, 1))
    assert loads.at(100).busy == pytest.approx(figures(record, three, 1).utilisation, abs=0.02)


def test_busy_time_runs_ahead_of_work(loads):
    load = loads.at(40)
    assert load.work == pytest.approx(40 * 0.005)
    assert load.busy > 1.5 * load.work


def test_more_than_a_server_can_do_is_late_and_turned_away(loads):
    assert loads.at(0).lost == 0
    assert loads.at(100).lost < 0.01
    assert loads.at(400).lost == pytest.approx(1)
    assert 0.9 < loads.at(400).work < 1.05
    assert 100 < loads.most() <= 200


def test_beyond_what_was_simulated_as_many_are_answered_as_before():
    assert LOADS.at(400).rejected == pytest.approx(0.75)
    assert LOADS.at(400).work == LOADS.at(200).work
    assert LOADS.at(5).busy == 0.25
    assert LOADS.most() == 90.0


def test_a_server_that_is_always_in_time_bears_all_that_was_simulated():
    assert Loads(100.0, [10.0, 50.0], [0.5, 0.9], [0.0, 0.0], [0.0, 0.0]).most() == 50.0


def test_a_server_that_is_never_in_time_bears_nothing():
    assert Loads(100.0, [10.0], [0.5], [1.0], [0.0]).most() == 0


def test_rates_go_straight_from_one_hours_middle_to_the_next():
    day = Day([float(hour) for hour in range(24)])
    assert day.rate(1800) == 0
    assert day.rate(2 * 3600) == 1.5
    assert day.rate(0) == day.rate(24 * 3600) == 11.5
    assert Day([7.0]).rate(12345) == 7.0


def test_a_fixed_fleet_is_as_late_as_its_busiest_hours():
    seen = summary(fixed_day(Day(NIGHT_AND_DAY), LOADS, 10), LOADS)
    assert (seen.least, seen.most, seen.replica_hours) == (10, 10, 240)
    assert seen.rejected > 0.4
    assert seen.slow_seconds == seen.longest_lag == pytest.approx(8 * 3600, rel=0.1)
    enough = summary(fixed_day(Day(NIGHT_AND_DAY), LOADS, 23), LOADS)
    assert (enough.late, enough.rejected, enough.slow_seconds, enough.longest_lag) == (0, 0, 0, 0)


def test_a_fleet_that_scales_by_work_follows_a_steady_rate_within_the_tolerance():
    moments = scaled_day(Day([1000.0]), LOADS, POLICY, NOW)
    (count,) = {moment.ready for moment in moments}
    assert 0.63 <= 1000 / (100 * count) <= 0.77


def test_scaled_by_busy_time_a_fleet_is_larger_than_its_work():
    by_work = summary(scaled_day(Day([500.0]), LOADS, POLICY, NOW), LOADS)
    by_busy = summary(scaled_day(Day([500.0]), LOADS, POLICY, NOW, Measure.BUSY), LOADS)
    assert by_busy.replica_hours > 1.3 * by_work.replica_hours


def test_slow_nodes_make_a_rise_late_and_cost_no_more_than_they_must():
    day = Day(NIGHT_AND_DAY)
    quick, slow = (
        summary(scaled_day(day, LOADS, POLICY, Delays(node, 60)), LOADS) for node in (60, 1800)
    )
    assert quick.longest_lag < slow.longest_lag
    assert quick.late + quick.rejected < slow.late + slow.rejected
    fixed = summary(fixed_day(day, LOADS, 29), LOADS)
    assert quick.replica_hours < fixed.replica_hours


def test_a_replica_is_ready_when_its_node_and_its_own_start_are_over():
    moments = scaled_day(Day(NIGHT_AND_DAY), LOADS, POLICY, Delays(240, 60))
    risen = next(i for i, moment in enumerate(moments) if moment.replicas > moment.ready)
    wanted = moments[risen].replicas
    ready = next(i for i in range(risen, len(moments)) if moments[i].ready >= wanted)
    # The step in which it was decided comes before the one in which it shows.
    assert STEP_SECONDS * (ready - risen + 1) == 300


def test_instances_are_paid_whole():
    moments = fixed_day(Day([100.0]), LOADS, 5)
    assert instance_hours(moments, 4) == 48
    assert math.isclose(instance_hours(moments, 1), 120)
