from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity_plans import EIGHT, ONE, fleet, steady, traffic
from tracedmodel_api.buckets import Bucket
from tracedmodel_api.report import Failure
from tracedmodel_server.capacity import plan as planning
from tracedmodel_server.capacity.instances import (
    Instance,
    cpu_instances,
    inf1_instances,
    parse_prices,
)
from tracedmodel_server.capacity.plan import (
    Demand,
    Planner,
    cheapest,
    least_instances,
    plan,
    smallest,
)
from tracedmodel_server.capacity.simulate import Run
from tracedmodel_server.capacity.times import Spread

CPU = Instance("replica", 1, 1, 0.1)
QUICK = Run(4000)


def demand(rate=50.0, p99=0.1, texts=1, lengths=((64, 1),), server=None, **settings):
    return Demand(
        traffic(rate, lengths, texts), p99, server or fleet(), **{"run": QUICK, **settings}
    )


def test_an_instance_is_filled_with_replicas():
    assert [(one.name, one.replicas, one.workers) for one in inf1_instances(4, {})] == [
        ("inf1.xlarge", 1, 4),
        ("inf1.2xlarge", 1, 4),
        ("inf1.6xlarge", 4, 4),
        ("inf1.24xlarge", 16, 4),
    ]
    assert inf1_instances(1, {})[0].replicas == 4
    assert [one.name for one in inf1_instances(16, {})] == ["inf1.6xlarge", "inf1.24xlarge"]


def test_a_given_price_goes_before_the_known_one():
    prices = parse_prices(["inf1.xlarge=0.11", "inf1.2xlarge=0.174"])
    dollars = {one.name: one.dollars for one in inf1_instances(4, prices)}
    assert dollars == {
        "inf1.xlarge": 0.11,
        "inf1.2xlarge": 0.174,
        "inf1.6xlarge": 1.18,
        "inf1.24xlarge": 4.721,
    }
    assert cpu_instances(2, {}) == [Instance("replica", 1, 2, None)]
    assert cpu_instances(2, {"replica": 0.1}) == [Instance("replica", 1, 2, 0.1)]


@pytest.mark.parametrize("text", ["0.11", "=0.11", "a=", "a=b", "a=0", "a=-1", "a=nan", "a=inf"])
def test_what_is_no_price_is_told_with_an_example(text):
    with pytest.raises(Failure, match=r"such as inf1.xlarge=0.228"):
        parse_prices([text])


def test_a_price_of_what_is_not_for_sale_here_is_refused():
    with pytest.raises(Failure, match=r"known are inf1.xlarge, "):
        inf1_instances(4, {"replica": 1.0})
    with pytest.raises(Failure, match="known are replica"):
        cpu_instances(1, {"inf1.xlarge": 1.0})


def meets(asked, servers):
    """Tell whether so many single-worker servers are enough, asked afresh."""
    return Planner(asked).enough(CPU, servers) is not None


def test_the_choice_is_the_fewest_that_are_enough():
    asked = demand(rate=500)
    (choice,) = plan(asked, [CPU])
    assert choice.instances > least_instances(asked, CPU)
    assert choice.figures.p99 <= 0.1
    assert meets(asked, choice.instances)
    assert not meets(asked, choice.instances - 1)


def test_headroom_is_traffic_on_top_that_must_be_answered_in_time_too():
    (bare,) = plan(demand(rate=500, headroom=0.0), [CPU])
    (spare,) = plan(demand(rate=500, headroom=0.5), [CPU])
    (more,) = plan(demand(rate=750, headroom=0.0), [CPU])
    assert bare.instances < spare.instances == more.instances
    assert spare.figures.texts_per_second == pytest.approx(500, rel=0.05)


def test_a_stricter_target_needs_no_fewer():
    counts = [plan(demand(500, p99), [CPU])[0].instances for p99 in (0.3, 0.1, 0.06)]
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]


def test_a_fleet_that_turns_requests_away_is_not_enough():
    (roomy,) = plan(demand(rate=300), [CPU])
    (tight,) = plan(demand(rate=300, server=fleet(max_queued=3)), [CPU])
    assert roomy.instances < tight.instances


def test_instances_that_serve_alike_are_simulated_once(monkeypatch):
    played = []
    simulation = planning.Simulation

    def counted(chosen, run):
        played.append((chosen.servers, chosen.workers))
        return simulation(chosen, run)

    monkeypatch.setattr(planning, "Simulation", counted)
    once, again = Instance("a", 1, 4, 1.0), Instance("b", 1, 4, 2.0)
    planner = Planner(demand())
    assert planner.choose(once).figures == planner.choose(again).figures
    assert played == [(1, 4), (1, 4)]


def test_the_price_of_a_million_is_paid_at_the_mean_rate():
    day = {"requestsPerSecondByHour": [10] * 23 + [20], "lengths": [{"tokens": 64, "weight": 1}]}
    asked = replace(demand(), traffic=traffic().model_validate(day))
    (choice,) = plan(asked, [CPU])
    assert choice.dollars_per_hour == pytest.approx(0.1 * choice.instances)
    per_second = choice.dollars_per_hour / 3600
    assert choice.dollars_per_million == pytest.approx(1e6 * per_second / (250 / 24))


def test_the_cheapest_is_the_first_of_the_lowest_price():
    kinds = [Instance("dear", 1, 1, 3.0), Instance("a", 1, 1, 1.0), Instance("b", 1, 1, 1.0)]
    choices = plan(demand(), kinds)
    assert cheapest(choices).instance.name == "a"
    unpriced = plan(demand(), [Instance("replica", 1, 1, None)])
    assert cheapest(unpriced) is None
    assert (unpriced[0].dollars_per_hour, unpriced[0].dollars_per_million) == (None, None)


def test_kinds_of_which_no_number_is_enough_are_left_out():
    big = Instance("big", 64, 1, 5.0)
    choices = plan(demand(rate=3000, most_instances=3), [CPU, big])
    assert [choice.instance.name for choice in choices] == ["big"]
    assert choices[0].replicas == choices[0].workers == 64 * choices[0].instances


def test_a_rate_that_no_number_reaches_says_what_to_change():
    with pytest.raises(
        Failure, match=r"3 x replica do not answer 5000 requests .* raise --most-inst"
    ):
        plan(demand(rate=5000, most_instances=3), [CPU])


def test_a_fleet_that_turns_everything_away_is_not_enough():
    # Requests of three texts, of which never more than two may wait, would be refused before; here the run says it.
    asked = replace(demand(), traffic=traffic(texts=3), server=fleet(max_queued=2))
    planner = Planner(demand())
    planner._demand = asked
    assert planner.enough(CPU, 1) is None


def test_a_target_below_the_time_of_a_lone_request_is_told_with_what_it_has():
    server = fleet(times={ONE: Spread(0.010, 0.020), EIGHT: Spread(0.040, 0.080)})
    with pytest.raises(Failure, match=r"p99 cannot be 15 ms: .* has (19|20)\.\d ms"):
        plan(demand(p99=0.015, server=server), [CPU])


def test_a_text_longer_than_every_bucket_is_told():
    with pytest.raises(Failure, match="texts of 65 tokens, the longest bucket holds 64"):
        plan(demand(lengths=((65, 1),)), [CPU])


def test_a_request_that_no_queue_holds_is_told():
    with pytest.raises(Failure, match="a request of 9 texts is always answered 429 where 8"):
        plan(demand(texts=9, server=fleet(max_queued=8)), [CPU])


def test_full_batches_of_the_cheapest_bucket_are_the_least_work():
    times = steady((ONE, 0.010), (EIGHT, 0.040), (Bucket(8, 16), 0.008))
    asked = demand(1000, lengths=((16, 1), (64, 1)), server=fleet(times=times), headroom=0.0)
    # Half the texts take 1 ms each, half 5: 3 seconds of work a second.
    assert least_instances(asked, CPU) == 3
    assert least_instances(asked, Instance("four", 2, 2, None)) == 1


@given(start=st.integers(1, 20), most=st.integers(1, 60), bound=st.integers(1, 70))
def test_the_smallest_number_is_found_wherever_it_is(start, most, bound):
    expected = max(start, bound)
    found = smallest(lambda number: number >= bound, start, most)
    assert found == (expected if expected <= most else None)
