"""The fewest instances that answer in time, for each kind of instance, and what they cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from tracedmodel_api.report import Failure
from tracedmodel_server.capacity.figures import Figures, figures
from tracedmodel_server.capacity.instances import Instance
from tracedmodel_server.capacity.simulate import Fleet, Run, Simulation
from tracedmodel_server.capacity.traffic import Traffic

_SECONDS_PER_HOUR = 3600


@dataclass(frozen=True)
class Demand:
    """What is asked for: traffic, the seconds that 99 of 100 requests may take, and how one replica is set up."""

    traffic: Traffic
    p99: float
    server: Fleet
    """A fleet of one server; ``workers`` and ``servers`` are the plan's to choose."""
    headroom: float = 0.2
    """The share of traffic that may come on top, still within ``p99``: fleets that barely do are one surprise from overload."""
    run: Run = field(default_factory=Run)
    most_instances: int = 200


@dataclass(frozen=True)
class Choice:
    """So many instances of a kind, and what they give at the busiest hour."""

    instance: Instance
    instances: int
    figures: Figures
    mean_rate: float

    @property
    def replicas(self) -> int:
        """Return the serving pods."""
        return self.instances * self.instance.replicas

    @property
    def workers(self) -> int:
        """Return the workers of all: on Inf1 the NeuronCores, or the pipelines of them."""
        return self.replicas * self.instance.workers

    @property
    def dollars_per_hour(self) -> float | None:
        """Return the price of all, if that of one is known."""
        return None if self.instance.dollars is None else self.instances * self.instance.dollars

    @property
    def dollars_per_million(self) -> float | None:
        """Return the price of a million requests, at the mean rate of the day."""
        hourly = self.dollars_per_hour
        return None if hourly is None else 1e6 * hourly / (self.mean_rate * _SECONDS_PER_HOUR)


class Planner:
    """Simulates fleets for one demand, none of them twice: an inf1.2xlarge serves as an inf1.xlarge does."""

    def __init__(self, demand: Demand) -> None:
        self._demand = demand
        self._known: dict[tuple[int, int], Figures | None] = {}
        demand_room(demand)
        demand_latency(demand)

    def choose(self, instance: Instance) -> Choice | None:
        """Return the fewest instances of a kind, or None if even the most are not enough."""
        least = least_instances(self._demand, instance)
        count = smallest(
            lambda number: self.enough(instance, number) is not None,
            least,
            self._demand.most_instances,
        )
        found = None if count is None else self.enough(instance, count)
        if count is None or found is None:
            return None
        return Choice(instance, count, found, self._demand.traffic.mean_rate)

    def enough(self, instance: Instance, number: int) -> Figures | None:
        """Return the figures of so many instances, or None if they are not enough."""
        key = (number * instance.replicas, instance.workers)
        if key not in self._known:
            more = 1 + self._demand.headroom
            stands = self._simulate(*key, more) is not None
            self._known[key] = self._simulate(*key, 1) if stands else None
        return self._known[key]

    def _simulate(self, servers: int, workers: int, times: float) -> Figures | None:
        """Return the figures of a fleet at ``times`` the traffic, or None if it is too slow."""
        demand = self._demand
        fleet = replace(demand.server, servers=servers, workers=workers)
        run = replace(demand.run, late_seconds=demand.p99)
        requests = demand.traffic.requests(run.requests, run.seed, times)
        record = Simulation(fleet, run).play(requests)
        if record.given_up or record.rejected:
            return None
        seen = figures(record, fleet, demand.traffic.texts_per_request)
        return seen if seen.meets(demand.p99) else None


def plan(demand: Demand, instances: Sequence[Instance]) -> list[Choice]:
    """Return the choice of each kind of instance of which some number is enough.

    Raises Failure InvalidRequest if there is none, or if the demand cannot be met by any number.
    """
    planner = Planner(demand)
    choices = [choice for one in instances if (choice := planner.choose(one)) is not None]
    if not choices:
        names = " or ".join(one.name for one in instances)
        message = (
            f"{demand.most_instances} x {names} do not answer {demand.traffic.peak_rate:g} requests a second "
            f"and {demand.headroom:.0%} more within {demand.p99 * 1000:g} ms: raise --most-instances "
            "or --p99-milliseconds, or add buckets of larger batches"
        )
        raise Failure("InvalidRequest", message)
    return choices


def cheapest(choices: Sequence[Choice]) -> Choice | None:
    """Return the choice that costs least, or None if no price is known; of equals the first."""
    priced = [(one.dollars_per_hour, one) for one in choices]
    known = [(dollars, one) for dollars, one in priced if dollars is not None]
    return min(known, key=lambda pair: pair[0])[1] if known else None


def smallest(holds: Callable[[int], bool], start: int, most: int) -> int | None:
    """Return the smallest number from ``start`` to ``most`` that holds, if all above it do as well, or None."""
    below, number = start - 1, start
    while number <= most and not holds(number):
        below, number = number, min(3 * number - 2 * below, max(most, number + 1))
    if number > most:
        return None
    while number - below > 1:
        middle = (below + number) // 2
        below, number = (below, middle) if holds(middle) else (middle, number)
    return number


def least_instances(demand: Demand, instance: Instance) -> int:
    """Return the instances that full batches without padding rows would keep busy: fewer cannot be enough."""
    rate = (1 + demand.headroom) * demand.traffic.peak_rate
    texts = rate * demand.traffic.texts_per_request
    seconds = texts * text_seconds(demand)
    return max(1, math.ceil(seconds / (instance.replicas * instance.workers)))


def text_seconds(demand: Demand) -> float:
    """Return the seconds of a worker that a text takes on average, in full batches without padding rows."""
    times = demand.server.times
    return sum(
        share * min(times[b].p50 / b.batch_size for b in times if b.sequence_length >= tokens)
        for tokens, share in demand.traffic.shares().items()
    )


def demand_room(demand: Demand) -> None:
    """Raise Failure InvalidRequest if a text fits no bucket, or a request no queue."""
    longest = max(bucket.sequence_length for bucket in demand.server.times)
    worst = max(demand.traffic.shares())
    if worst > longest:
        message = (
            f"the traffic has texts of {worst} tokens, the longest bucket holds {longest}: add a longer bucket, "
            f"or write them as {longest} if clients ask for truncation"
        )
        raise Failure("InvalidRequest", message)
    if demand.traffic.texts_per_request > demand.server.max_queued:
        message = (
            f"a request of {demand.traffic.texts_per_request} texts is always answered 429 where "
            f"{demand.server.max_queued} may wait: raise --max-queued"
        )
        raise Failure("InvalidRequest", message)


def demand_latency(demand: Demand) -> None:
    """Raise Failure InvalidRequest if one request in a hundred is late even when it has the fleet for itself."""
    times, server = demand.server.times, demand.server
    random = np.random.default_rng(demand.run.seed)
    shares = demand.traffic.shares()
    lengths = random.choice(list(shares), demand.run.requests, p=list(shares.values()))
    host = server.host_seconds * demand.traffic.texts_per_request
    seconds = np.empty(len(lengths))
    for tokens in shares:
        spread = min(
            (times[b] for b in times if b.sequence_length >= tokens), key=lambda one: one.p50
        )
        at = lengths == tokens
        seconds[at] = host + spread.p50 * np.exp(spread.sigma * random.standard_normal(at.sum()))
    p99 = float(np.quantile(seconds, 0.99))
    if p99 > demand.p99:
        message = (
            f"p99 cannot be {demand.p99 * 1000:g} ms: a request that waits for nothing has {p99 * 1000:.1f} ms. "
            "Raise --p99-milliseconds, or add buckets of smaller batches or shorter texts"
        )
        raise Failure("InvalidRequest", message)
