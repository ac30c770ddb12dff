"""``tracedmodel plan-capacity``: how many instances a model needs for its traffic, or which buckets waste least."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tracedmodel_api.buckets import Bucket
from tracedmodel_api.enums import Target
from tracedmodel_api.report import Failure
from tracedmodel_server.capacity import inputs, scaling, show
from tracedmodel_server.capacity.calibrate import ROWS, WORST_ERROR, fit
from tracedmodel_server.capacity.day import Delays, Measure
from tracedmodel_server.capacity.instances import Instance
from tracedmodel_server.capacity.plan import Choice, Demand, cheapest, plan
from tracedmodel_server.capacity.simulate import Balancing, Run
from tracedmodel_server.capacity.suggest import Cost, average_cost, best_lengths
from tracedmodel_server.capacity.traffic import Traffic, read_traffic

summary = "simulate how many instances traffic needs"

_MOST_BUCKETS = 32
_LONGEST = 512


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add = parser.add_argument
    # fmt: off
    add("manifest", nargs="?", metavar="MANIFEST", help="a TracedModel, with its status if it has one: kubectl get tm NAME -o yaml")
    add("--traffic", required=True, metavar="FILE", help="rate and lengths of texts, YAML or JSON: see docs/capacity.md")
    add("--buckets", metavar="LIST", help="such as 1x128,8x128, instead of the manifest's")
    add("--times", metavar="FILE", help='milliseconds by bucket, {"8x128": 92}, or the saved answer of a server\'s /proof')
    add("--encoder", metavar="LAYERSxHIDDEN", help="Inf1: compute times that were not measured, for an encoder such as 12x768")
    add("--target", choices=[one.value for one in Target], help="default: the manifest's, Inf1 without one")
    add("--p99-milliseconds", type=_above(0), default=100.0, metavar="MS", help="what 99 of 100 requests may take; default %(default)g")
    add("--headroom-percent", type=_above(0, allowed=True), default=20.0, metavar="PERCENT", help="traffic on top that must be answered in time as well; default %(default)g")
    add("--price", action="append", default=[], metavar="NAME=DOLLARS", help="dollars an hour of an instance type; replica=DOLLARS on CPUs")
    add("--neuron-cores", type=int, choices=(1, 4, 16, 64), help="Inf1: cores of a replica; default: the manifest's, a chip's 4 without one")
    add("--workers", type=_whole(1), default=1, metavar="COUNT", help="CPU: workers of a replica; default %(default)s")
    add("--max-delay", type=_above(0, allowed=True), metavar="MS", help="longest wait for company; default: the manifest's, or 2")
    add("--max-queued", type=_whole(1), metavar="COUNT", help="texts that may wait; default: the manifest's, or 1024")
    add("--host-milliseconds", type=_above(0, allowed=True), default=0.2, metavar="MS", help="of a replica's host for each text; default %(default)g")
    add("--balancing", choices=[one.value for one in Balancing], default=Balancing.RANDOM.value, help="how requests find a replica; default %(default)s")
    add("--most-instances", type=_whole(1), default=200, metavar="COUNT", help="of a type; default %(default)s")
    add("--requests", type=_whole(1000), default=Run.requests, metavar="COUNT", help="how many to simulate; default %(default)s")
    add("--seed", type=_whole(0), default=Run.seed, metavar="NUMBER", help="default %(default)s: the same seed gives the same plan")
    add("--autoscale", action="store_true", help="besides, play a day of a fleet that scales by load, against a fixed one")
    add("--min-replicas", type=_whole(1), metavar="COUNT", help="of that fleet; default: the manifest's, or 1")
    add("--max-replicas", type=_whole(1), metavar="COUNT", help="of that fleet; default: the manifest's, or twice the fixed one's")
    add("--target-percent", type=_whole(1, 100), metavar="PERCENT", help="wanted load of its replicas; default: the manifest's, or 70")
    add("--scale-by", choices=[one.value for one in Measure], help="what its load is; default: work on Inf1, busy on CPUs")
    add("--node-seconds", type=_above(0, allowed=True), default=Delays.node, metavar="SECONDS", help="until a node is there; default %(default)g")
    add("--replica-seconds", type=_above(0, allowed=True), default=Delays.replica, metavar="SECONDS", help="from then until a replica is ready; default %(default)g")
    add("--plot", metavar="FILE", help="with --autoscale, draw the day as SVG")
    add("--suggest-buckets", type=_whole(1, _MOST_BUCKETS), metavar="COUNT", help="instead of a plan, at most so many buckets that waste least")
    add("--batch-sizes", type=_sizes, default=(1, 8), metavar="LIST", help="batch sizes of suggested buckets; default 1,8")
    add("--multiple-of", type=_whole(1), default=8, metavar="TOKENS", help="suggested lengths are multiples of it; default %(default)s")
    add("--longest", type=_whole(8), metavar="TOKENS", help="no suggested length is longer; default: the longest given bucket, or 512")
    add("--json", action="store_true", help="write JSON")
    # fmt: on


def run(arguments: argparse.Namespace) -> int:
    """Write the plan or the suggestion and return 0."""
    if arguments.plot and not arguments.autoscale:
        raise Failure("InvalidRequest", "--plot draws the day of --autoscale: give that as well")
    traffic = read_traffic(Path(arguments.traffic))
    given = inputs.read(arguments)
    if arguments.suggest_buckets is not None:
        found = _suggest(arguments, given, traffic)
        text = _json(show.buckets_json(found)) if arguments.json else show.buckets_text(found)
    else:
        text = _plan(arguments, given, traffic)
    sys.stdout.write(text)
    return 0


def _plan(arguments: argparse.Namespace, given: inputs.Given, traffic: Traffic) -> str:
    replica = inputs.replica(arguments, given)
    demand = Demand(
        traffic,
        arguments.p99_milliseconds / 1000,
        replica.server,
        arguments.headroom_percent / 100,
        Run(arguments.requests, arguments.seed),
        arguments.most_instances,
    )
    choices = plan(demand, replica.instances)
    best = cheapest(choices)
    slower = _if_slower(demand, best.instance) if best and replica.computed else None
    plans = show.Plans(choices, best, slower)
    days = (
        scaling.play(arguments, given, demand, best or choices[0]) if arguments.autoscale else None
    )
    if days is not None and arguments.plot:
        scaling.draw(days, arguments.plot)
    if arguments.json:
        more = {"autoscaling": scaling.days_json(days)} if days else {}
        return _json(show.plan_json(demand, replica, plans) | more)
    return show.plan_text(demand, replica, plans) + (scaling.days_text(days) if days else "")


def _if_slower(demand: Demand, instance: Instance) -> Choice | None:
    """Return the choice for times that are longer by the calibrated model's worst error, or None if there is none."""
    times = {bucket: one.longer(1 + WORST_ERROR) for bucket, one in demand.server.times.items()}
    try:
        return plan(replace(demand, server=replace(demand.server, times=times)), [instance])[0]
    except Failure:
        return None


def _suggest(arguments: argparse.Namespace, given: inputs.Given, traffic: Traffic) -> show.Buckets:
    sizes = arguments.batch_sizes
    if arguments.suggest_buckets < len(sizes):
        message = f"--suggest-buckets {arguments.suggest_buckets}: every length needs {len(sizes)} buckets, one for each of --batch-sizes"
        raise Failure("InvalidRequest", message)
    own = [bucket.sequence_length for bucket in given.buckets]
    longest = arguments.longest or max(own, default=_LONGEST)
    cost, measure = _cost(given, sizes)
    shares = traffic.shares()
    most = arguments.suggest_buckets // len(sizes)
    found = best_lengths(shares, most, cost, arguments.multiple_of, longest)
    # What is given may not hold the longest text.
    compared = own if max(own, default=0) >= max(shares) else []
    return show.Buckets(
        tuple(Bucket(size, length) for size in sizes for length in found.lengths),
        _padding(shares, found.lengths),
        _padding(shares, compared) if compared else None,
        1 - found.cost / average_cost(shares, compared, cost) if compared else None,
        measure,
    )


def _cost(given: inputs.Given, sizes: tuple[int, ...]) -> tuple[Cost, str]:
    """Return what a text in a full batch costs, by its bucket's length, and what that is called."""
    encoder = given.encoder
    if encoder is None:
        return float, "token places"
    model = fit(ROWS)
    return lambda length: min(
        model.seconds(encoder, size, length) / size for size in sizes
    ), "computed time"


def _padding(shares: dict[int, float], lengths: tuple[int, ...] | list[int]) -> float:
    tokens = sum(length * share for length, share in shares.items())
    return 1 - tokens / average_cost(shares, lengths, float)


def _json(document: object) -> str:
    return json.dumps(document, indent=2) + "\n"


def _whole(least: int, most: int | None = None) -> Callable[[str], int]:
    """Return the reader of a whole number for the argument parser."""

    def read(text: str) -> int:
        wanted = f"a whole number of at least {least}" if most is None else f"{least} to {most}"
        if not text.isdecimal() or int(text) < least or (most is not None and int(text) > most):
            raise argparse.ArgumentTypeError(f"{text!r}: write {wanted}")
        return int(text)

    return read


def _above(least: float, *, allowed: bool = False) -> Callable[[str], float]:
    """Return the reader of a number above ``least``, or of it as well."""

    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not (math.isfinite(number) and (number > least or (allowed and number == least))):
            wanted = f"{'at least' if allowed else 'above'} {least:g}"
            raise argparse.ArgumentTypeError(f"{text!r}: write a number {wanted}")
        return number

    return read


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(sorted({_whole(1, 256)(part) for part in text.split(",")}))
