"""``plan-capacity --autoscale``: a day of a fleet that scales by load beside one that does not, told and drawn."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tracedmodel_api.report import Failure
from tracedmodel_api.types import Autoscaling, Target
from tracedmodel_server.capacity import chart
from tracedmodel_server.capacity.day import (
    Day,
    Delays,
    Measure,
    Moment,
    Summary,
    fixed_day,
    instance_hours,
    scaled_day,
    summary,
)
from tracedmodel_server.capacity.hpa import Policy
from tracedmodel_server.capacity.inputs import Given
from tracedmodel_server.capacity.loads import loads_of
from tracedmodel_server.capacity.plan import Choice, Demand

_USUAL = Autoscaling.model_validate({"maxReplicas": 1})
_ROW = "{:<12} {:>9} {:>13} {:>9} {:>9} {:>9} {:>11} {:>11}\n"
_HEADS = ("FLEET", "REPLICAS", "REPLICA HOURS", "$/DAY", "LATE", "TURNED", "SLOW min", "LAG min")


@dataclass(frozen=True)
class Fleet:
    """A fleet's day."""

    name: str
    moments: Sequence[Moment]
    summary: Summary
    dollars: float | None


@dataclass(frozen=True)
class Days:
    """The day of both fleets, and how the one was scaled."""

    policy: Policy
    delays: Delays
    measure: Measure
    fixed: Fleet
    scaled: Fleet


def play(arguments: argparse.Namespace, given: Given, demand: Demand, choice: Choice) -> Days:
    """Return the day of the fleet that was chosen, and of one of its replicas that scales by load."""
    loads = loads_of(demand, choice.instance.workers)
    day = Day(demand.traffic.rates)
    policy = _policy(arguments, given, choice)
    delays = Delays(arguments.node_seconds, arguments.replica_seconds)
    measure = _measure(arguments, given)
    moments = {
        "fixed": fixed_day(day, loads, choice.replicas),
        "autoscaled": scaled_day(day, loads, policy, delays, measure),
    }
    fixed, scaled = (
        Fleet(name, told, summary(told, loads), _dollars(told, choice))
        for name, told in moments.items()
    )
    return Days(policy, delays, measure, fixed, scaled)


def _policy(arguments: argparse.Namespace, given: Given, choice: Choice) -> Policy:
    """Return what the autoscaler is told, by the arguments, the manifest, or defaults."""
    own = given.resource.spec.serving.autoscaling if given.resource else None
    least = arguments.min_replicas or max(1, own.min_replicas if own else 1)
    most = arguments.max_replicas or (own.max_replicas if own else max(least, 2 * choice.replicas))
    if least > most:
        raise Failure("InvalidRequest", f"--min-replicas {least} is more than the most, {most}")
    percent = arguments.target_percent or (own or _USUAL).target_utilization_percent
    return Policy(least, most, percent / 100)


def _measure(arguments: argparse.Namespace, given: Given) -> Measure:
    if arguments.scale_by:
        return Measure(arguments.scale_by)
    return Measure.WORK if given.target is Target.INF1 else Measure.BUSY


def _dollars(moments: Sequence[Moment], choice: Choice) -> float | None:
    each = choice.instance.dollars
    return None if each is None else each * instance_hours(moments, choice.instance.replicas)


def draw(days: Days, file: str) -> None:
    """Write the day as SVG; raises Failure InvalidRequest if the file cannot be written."""
    picture = chart.draw(days.scaled.moments, days.fixed.summary.most)
    try:
        Path(file).write_text(picture, encoding="utf-8")
    except OSError as error:
        raise Failure("InvalidRequest", f"{file} cannot be written: {error}") from None


def days_text(days: Days) -> str:
    """Return the days for people."""
    policy, delays = days.policy, days.delays
    told = (
        f"A day: {policy.least} to {policy.most} replicas at {policy.target:.0%} {days.measure.value}, "
        f"{delays.node:g} s until a node is there, {delays.replica:g} s more until a replica is ready\n"
    )
    rows = "".join(map(_row, (days.fixed, days.scaled)))
    return f"\n{told}\n{_ROW.format(*_HEADS)}{rows}"


def _row(fleet: Fleet) -> str:
    seen = fleet.summary
    counts = str(seen.most) if seen.least == seen.most else f"{seen.least}-{seen.most}"
    return _ROW.format(
        fleet.name,
        counts,
        f"{seen.replica_hours:.1f}",
        "-" if fleet.dollars is None else f"{fleet.dollars:.2f}",
        f"{seen.late:.2%}",
        f"{seen.rejected:.2%}",
        f"{seen.slow_seconds / 60:.1f}",
        f"{seen.longest_lag / 60:.1f}",
    )


def days_json(days: Days) -> dict[str, Any]:
    """Return the days for programs."""
    return {
        "policy": asdict(days.policy),
        "delays": asdict(days.delays),
        "measure": days.measure.value,
        **{
            fleet.name: {**_json(fleet.summary), "dollars": fleet.dollars}
            for fleet in (days.fixed, days.scaled)
        },
    }


def _json(seen: Summary) -> dict[str, Any]:
    return {
        "lateShare": seen.late,
        "rejectedShare": seen.rejected,
        "slowSeconds": seen.slow_seconds,
        "longestLagSeconds": seen.longest_lag,
        "replicaHours": seen.replica_hours,
        "leastReplicas": seen.least,
        "mostReplicas": seen.most,
    }
