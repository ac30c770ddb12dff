"""Plans and suggestions as tables for people and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tracedmodel_api.buckets import Bucket
from tracedmodel_server.capacity.calibrate import ROWS, WORST_ERROR
from tracedmodel_server.capacity.inputs import Replica
from tracedmodel_server.capacity.instances import PRICES, REPLICA
from tracedmodel_server.capacity.plan import Choice, Demand
from tracedmodel_server.capacity.traffic import Traffic

_ROW = "{:<14} {:>5} {:>8} {:>7}  {:>7} {:>14} {:>6} {:>8} {:>8} {:>9} {:>9}\n"
_HEADS = ("INSTANCE", "COUNT", "REPLICAS", "WORKERS", "P50 ms", "P99 ms", "BUSY", "PADDING")
_MONEY = ("TEXTS/s", "$/HOUR", "$/1M REQ")


@dataclass(frozen=True)
class Plans:
    """The choices, the cheapest if prices are known, and what that becomes where times are computed and prove longer."""

    choices: Sequence[Choice]
    cheapest: Choice | None
    slower: Choice | None = None


@dataclass(frozen=True)
class Buckets:
    """Suggested buckets, and the share of token places that their texts leave empty, beside that of one's own."""

    buckets: tuple[Bucket, ...]
    padding: float
    own_padding: float | None
    saving: float | None
    """Of the cost by which they were chosen, against one's own."""
    measure: str


def plan_text(demand: Demand, replica: Replica, plans: Plans) -> str:
    """Return the plan for people: what was asked, the table, what to buy, what to know."""
    table = _ROW.format(*_HEADS, *_MONEY) + "".join(_row(choice) for choice in plans.choices)
    best = plans.cheapest
    verdict = [] if best is None else [f"Cheapest: {_bought(best)}"]
    caution = _caution(plans) if replica.computed else []
    notes = (*verdict, *caution, *_notes(demand, plans.choices))
    return "\n".join((*_asked(demand, replica), "", table, *notes, ""))


def plan_json(demand: Demand, replica: Replica, plans: Plans) -> dict[str, Any]:
    """Return the plan for programs. Latencies in milliseconds, shares from 0 to 1."""
    best, slower = plans.cheapest, plans.slower
    return {
        "targetP99Milliseconds": demand.p99 * 1000,
        "headroom": demand.headroom,
        "requestsPerSecond": {"peak": demand.traffic.peak_rate, "mean": demand.traffic.mean_rate},
        "buckets": [
            {
                **bucket.as_json(),
                "p50Milliseconds": spread.p50 * 1000,
                "p99Milliseconds": spread.p99 * 1000,
            }
            for bucket, spread in demand.server.times.items()
        ],
        "computedTimes": replica.computed,
        "mostBucketsOfWorker": demand.server.most_buckets,
        "prices": PRICES,
        "choices": [_choice_json(choice) for choice in plans.choices],
        "cheapest": best.instance.name if best else None,
        "cheapestIfSlower": _choice_json(slower) if slower else None,
    }


def buckets_text(found: Buckets) -> str:
    """Return suggested buckets for people, ready to be pasted."""
    compared = (
        "" if found.own_padding is None else f"; with the given buckets {found.own_padding:.1%}"
    )
    lines = [
        f"Padding of full batches: {found.padding:.1%} of token places{compared}",
        *(
            []
            if found.saving is None
            else [f"Saving against the given buckets: {found.saving:.1%} of {found.measure}"]
        ),
        "",
        f"--buckets {','.join(str(bucket) for bucket in found.buckets)}",
        "",
        "buckets:",
        *(
            f"  - {{batchSize: {b.batch_size}, sequenceLength: {b.sequence_length}}}"
            for b in found.buckets
        ),
    ]
    return "\n".join(lines) + "\n"


def buckets_json(found: Buckets) -> dict[str, Any]:
    """Return suggested buckets for programs."""
    return {
        "buckets": [bucket.as_json() for bucket in found.buckets],
        "padding": found.padding,
        "ownPadding": found.own_padding,
        "saving": found.saving,
        "measure": found.measure,
    }


def _asked(demand: Demand, replica: Replica) -> tuple[str, ...]:
    server = demand.server
    shares = demand.traffic.shares()
    mean = sum(tokens * share for tokens, share in shares.items())
    names = " ".join(str(bucket) for bucket in sorted(server.times))
    kind = f"{replica.computed} of {len(server.times)} computed" if replica.computed else "measured"
    manner = f"waits of at most {server.max_delay * 1000:g} ms for company, {server.balancing.value} balancing"
    return (
        f"Traffic: {_rate(demand.traffic)}, of {min(shares)} to {max(shares)} tokens, {mean:.1f} on average",
        f"Buckets: {names}; times {kind}",
        f"Target:  99 of 100 requests within {demand.p99 * 1000:g} ms, also with {demand.headroom:.0%} more traffic; {manner}",
    )


def _rate(traffic: Traffic) -> str:
    rate = f"{traffic.peak_rate:g} requests/s"
    if traffic.requests_per_second_by_hour:
        hour = traffic.rates.index(traffic.peak_rate)
        rate += f" at the busiest hour ({hour}:00), {traffic.mean_rate:.1f} on average"
    texts = traffic.texts_per_request
    return f"{rate}, {texts} {'text' if texts == 1 else 'texts'} each"


def _row(choice: Choice) -> str:
    seen = choice.figures
    hourly, million = choice.dollars_per_hour, choice.dollars_per_million
    return _ROW.format(
        choice.instance.name,
        choice.instances,
        choice.replicas,
        choice.workers,
        f"{seen.p50 * 1000:.1f}",
        f"{seen.p99 * 1000:.1f} ± {seen.p99_error * 1000:.1f}",
        f"{seen.utilisation:.0%}",
        f"{seen.padding:.0%}",
        f"{seen.texts_per_second:.0f}",
        "-" if hourly is None else f"{hourly:.3f}",
        "-" if million is None else f"{million:.3f}",
    )


def _bought(best: Choice) -> str:
    pods = "1 replica" if best.replicas == 1 else f"{best.replicas} replicas"
    each = "1 worker" if best.instance.workers == 1 else f"{best.instance.workers} workers"
    return (
        f"{best.instances} x {best.instance.name}, that is {pods} of {each}: "
        f"${best.dollars_per_hour:.3f} an hour, ${best.dollars_per_million:.3f} per million requests."
    )


def _caution(plans: Plans) -> list[str]:
    """Return what to know where times are computed."""
    slower = plans.slower
    bought = "no number of instances is enough." if slower is None else _bought(slower)
    origin = (
        f"Computed times: a model of two numbers, fitted on {len(ROWS)} rows that AWS published. It predicts each row "
        f"from the others to within {WORST_ERROR:.0%}. Better: measure (a server's /proof), then give --times."
    )
    return [f"If all times are {WORST_ERROR:.0%} longer: {bought}", origin]


def _notes(demand: Demand, choices: Sequence[Choice]) -> list[str]:
    notes = []
    if any(choice.instance.name != REPLICA for choice in choices):
        notes.append(f"Prices: {PRICES}; they differ by region and contract: --price NAME=DOLLARS.")
    elif choices[0].instance.dollars is None:
        notes.append(f"No price of a replica an hour is given: --price {REPLICA}=DOLLARS.")
    most, buckets = demand.server.most_buckets, len(demand.server.times)
    if most is not None and buckets > most:
        notes.append(
            f"Memory: a worker holds about {most} of the {buckets} buckets, so each has a part of them."
        )
    return notes


def _choice_json(choice: Choice) -> dict[str, Any]:
    seen = choice.figures
    return {
        "instance": choice.instance.name,
        "instances": choice.instances,
        "replicas": choice.replicas,
        "workersPerReplica": choice.instance.workers,
        "workers": choice.workers,
        "p50Milliseconds": seen.p50 * 1000,
        "p99Milliseconds": seen.p99 * 1000,
        "p99ErrorMilliseconds": seen.p99_error * 1000,
        "utilisation": seen.utilisation,
        "padding": seen.padding,
        "textsPerSecond": seen.texts_per_second,
        "dollarsPerHour": choice.dollars_per_hour,
        "dollarsPerMillionRequests": choice.dollars_per_million,
    }
