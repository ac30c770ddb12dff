"""What one server makes of a rate of requests, as the simulation of the real batcher has it, for every rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tracedmodel_server.capacity.figures import utilisation
from tracedmodel_server.capacity.plan import Demand, text_seconds
from tracedmodel_server.capacity.simulate import Record, Run, Simulation

_SHARES = (0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0, 1.1, 1.3)
"""Rates that are simulated, of the one that full batches without padding rows would bear."""
_WARM_SHARE = 0.2
_ALL = 1.0
_MOST_REQUESTS = 10_000
"""For each rate: of those that count a hundredth are eighty."""
LATE_SHARE = 0.01


@dataclass(frozen=True)
class Load:
    """Shares: of the time that workers are busy, of answers that come too late, of requests that are turned away.

    ``work`` is what the texts would take in full batches, as a share of what the workers can do.
    """

    busy: float
    work: float
    late: float
    rejected: float

    @property
    def lost(self) -> float:
        """Return the share of all requests that are not answered in time."""
        return self.rejected + (1 - self.rejected) * self.late


@dataclass(frozen=True)
class Loads:
    """The load of a server by its rate, in requests a second: simulated rates, and straight lines between them.

    ``bearable`` is the rate that full batches without padding rows would bear.
    """

    bearable: float
    rates: Sequence[float]
    busy: Sequence[float]
    late: Sequence[float]
    rejected: Sequence[float]

    def at(self, rate: float) -> Load:
        """Return the load; beyond the last rate all that comes on top is turned away."""
        busy, late, rejected = (
            float(np.interp(rate, [0.0, *self.rates], [first, *values]))
            for first, values in ((0.0, self.busy), (0.0, self.late), (0.0, self.rejected))
        )
        if rate > self.rates[-1]:
            rejected = 1 - (1 - rejected) * self.rates[-1] / rate
        return Load(busy, rate * (1 - rejected) / self.bearable, late, rejected)

    def most(self) -> float:
        """Return the greatest simulated rate up to which 99 of 100 requests are answered in time, 0 if there is none."""
        good = 0.0
        for rate in self.rates:
            if self.at(rate).lost > LATE_SHARE:
                break
            good = rate
        return good


def loads_of(demand: Demand, workers: int) -> Loads:
    """Return the loads of one server with so many workers."""
    texts = demand.traffic.texts_per_request
    bearable = workers / (texts * text_seconds(demand))
    rates = [share * bearable for share in _SHARES]
    busy, late, rejected = zip(*(_simulated(demand, workers, rate) for rate in rates), strict=True)
    return Loads(bearable, rates, busy, late, rejected)


def _simulated(demand: Demand, workers: int, rate: float) -> tuple[float, float, float]:
    """Return the shares of busy time, late answers and requests turned away at a rate."""
    fleet = replace(demand.server, servers=1, workers=workers)
    count = min(demand.run.requests, _MOST_REQUESTS)
    run = Run(count, demand.run.seed, _WARM_SHARE, demand.p99, _ALL)
    times = rate / demand.traffic.peak_rate
    record = Simulation(fleet, run).play(demand.traffic.requests(run.requests, run.seed, times))
    answered = len(record.latencies)
    return (
        min(1.0, utilisation(record, fleet)),
        record.late / answered if answered else 1.0,
        _rejected(record, demand) if record.rejected else 0.0,
    )


def _rejected(record: Record, demand: Demand) -> float:
    """Return the share that is turned away in the long run: what is not served, though a queue takes it at first."""
    seconds = record.ended - record.began
    tokens = sum(
        batch.tokens for batch in record.batches if record.began <= batch.start < record.ended
    )
    shares = demand.traffic.shares()
    mean = sum(length * share for length, share in shares.items())
    served = tokens / (mean * demand.traffic.texts_per_request * seconds)
    asked = (len(record.latencies) + record.rejected) / seconds
    return max(record.rejected / (asked * seconds), 1 - served / asked)
