"""A day of traffic before a fleet that scales by load, or does not, in steps of an autoscaler's looks.

Every server is one by itself: requests that find a server at random come to each of n servers as a Poisson process of
a n-th of the rate, so what the simulation of one server says of a rate holds for each of them, exactly. A queue
is full or empty within seconds, so of the step before nothing is left but the replicas that there are. What
is not exact: rates between those simulated, by straight lines; and balancing by load, which does better.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from tracedmodel_server.capacity.hpa import Autoscaler, Policy
from tracedmodel_server.capacity.loads import LATE_SHARE, Load, Loads

STEP_SECONDS = 15
"""How often a HorizontalPodAutoscaler looks, by default, and KEDA asks."""
WINDOW_SECONDS = 120
"""Over which the rate of busy seconds is taken: docs/autoscaling.md has the rule."""
_DAY = 24 * 3600
_NOBODY = Load(busy=0.0, work=0.0, late=1.0, rejected=1.0)


class Measure(str, Enum):
    """What an autoscaler looks at."""

    WORK = "work"
    """What the texts would take in full batches, over the workers: grows with demand."""
    BUSY = "busy"
    """The time that workers run batches, as the CPU use of a pod whose workers compute on it."""


@dataclass(frozen=True)
class Delays:
    """Seconds until a node is there, and from then until a replica is ready."""

    node: float = 240.0
    replica: float = 60.0


@dataclass(frozen=True)
class Moment:
    """A step: seconds of the day, requests a second, replicas that there are and that are ready, and their load."""

    time: float
    rate: float
    replicas: int
    ready: int
    load: Load


class Day:
    """The rates of a day, at each hour's middle what is given for it, by straight lines between."""

    def __init__(self, rates: Sequence[float]) -> None:
        self._rates = rates

    def rate(self, time: float) -> float:
        """Return the requests a second at a time; after a day comes the next, alike."""
        if len(self._rates) == 1:
            return self._rates[0]
        place = (time / 3600 - 0.5) % len(self._rates)
        hour = int(place)
        share = place - hour
        following = self._rates[(hour + 1) % len(self._rates)]
        return self._rates[hour] * (1 - share) + following * share


def fixed_day(day: Day, loads: Loads, replicas: int) -> list[Moment]:
    """Return the day of as many replicas all the time."""
    return [
        Moment(time, rate, replicas, replicas, loads.at(rate / replicas))
        for time in range(0, _DAY, STEP_SECONDS)
        for rate in (day.rate(time),)
    ]


def scaled_day(
    day: Day, loads: Loads, policy: Policy, delays: Delays, measure: Measure = Measure.WORK
) -> list[Moment]:
    """Return the day of a fleet that scales by load, after a day like it, in which the fleet found its size."""
    fleet = _Fleet(day, loads, policy, delays, measure)
    for time in range(-_DAY, 0, STEP_SECONDS):
        fleet.step(time)
    return [fleet.step(time) for time in range(0, _DAY, STEP_SECONDS)]


class _Fleet:
    """Replicas by the time at which they are ready, and who decides on their number."""

    def __init__(
        self, day: Day, loads: Loads, policy: Policy, delays: Delays, measure: Measure
    ) -> None:
        self._measure = measure
        self._day = day
        self._loads = loads
        self._delay = delays.node + delays.replica
        self._autoscaler = Autoscaler(policy)
        self._ready_at: list[float] = [-math.inf] * policy.least
        self._seen: deque[float] = deque(maxlen=WINDOW_SECONDS // STEP_SECONDS)

    def step(self, time: float) -> Moment:
        """Live through a step; return what it was like, before the autoscaler acted."""
        ready, rate = sum(at <= time for at in self._ready_at), self._day.rate(time)
        load = self._loads.at(rate / ready) if ready else _NOBODY
        moment = Moment(time, rate, len(self._ready_at), ready, load)
        self._seen.append(load.work if self._measure is Measure.WORK else load.busy)
        mean = sum(self._seen) / len(self._seen)
        wanted = self._autoscaler.decide(time, len(self._ready_at), ready, mean)
        started = wanted - len(self._ready_at)
        self._ready_at += [time + self._delay] * started
        # Kubernetes takes away first what is not ready yet, then what is youngest.
        self._ready_at = sorted(self._ready_at)[:wanted]
        return moment


@dataclass(frozen=True)
class Summary:
    """What a day was like. Shares of all requests, hours of replicas, seconds."""

    late: float
    rejected: float
    slow_seconds: float
    """In which more than one request in a hundred was not answered in time."""
    longest_lag: float
    """The longest stretch in which fewer replicas were ready than the rate needs."""
    replica_hours: float
    least: int
    most: int


def summary(moments: Sequence[Moment], loads: Loads) -> Summary:
    """Return what a day was like."""
    asked = sum(moment.rate for moment in moments)
    rejected = sum(moment.rate * moment.load.rejected for moment in moments)
    lost = sum(moment.rate * moment.load.lost for moment in moments)
    counts = [moment.replicas for moment in moments]
    return Summary(
        late=(lost - rejected) / asked,
        rejected=rejected / asked,
        slow_seconds=STEP_SECONDS * sum(moment.load.lost > LATE_SHARE for moment in moments),
        longest_lag=STEP_SECONDS * _longest_stretch(moments, loads.most()),
        replica_hours=sum(counts) * STEP_SECONDS / 3600,
        least=min(counts),
        most=max(counts),
    )


def _longest_stretch(moments: Sequence[Moment], bearable: float) -> int:
    """Return the most steps in a row whose rate is more than those who are ready can bear."""
    longest = stretch = 0
    for moment in moments:
        stretch = stretch + 1 if moment.rate > moment.ready * bearable else 0
        longest = max(longest, stretch)
    return longest


def instance_hours(moments: Sequence[Moment], replicas_each: int) -> float:
    """Return the hours of instances that hold so many replicas each."""
    counts = (math.ceil(moment.replicas / replicas_each) for moment in moments)
    return sum(counts) * STEP_SECONDS / 3600
