"""The capacity model against what AWS published, each row unseen, and how long a plan takes: ``make bench-capacity``."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Sequence

import figures
import harness
from tracedmodel_api.buckets import Bucket
from tracedmodel_server.capacity.calibrate import BERT_BASE, PARAMETERS, ROWS, fit
from tracedmodel_server.capacity.instances import inf1_instances
from tracedmodel_server.capacity.judge import Verdict, leave_configuration_out, leave_one_out
from tracedmodel_server.capacity.plan import Demand, plan
from tracedmodel_server.capacity.simulate import Fleet, Run, Simulation
from tracedmodel_server.capacity.traffic import Traffic

_ROW = "{:<24} {:>5} {:>7} {:>9} {:>9} {:>7} {:>8} {:>8} {:>7}\n"
_TRAFFIC = Traffic.model_validate(
    {
        "requestsPerSecond": 5000,
        "lengths": [
            {"tokens": 16, "weight": 3},
            {"tokens": 60, "weight": 5},
            {"tokens": 120, "weight": 2},
        ],
    }
)
_BUCKETS = [Bucket(size, length) for size in (1, 8) for length in (32, 64, 128)]
_FLEET = Fleet(1, 1, fit(ROWS).times(BERT_BASE, _BUCKETS), host_seconds=0.0002)


def show(verdicts: Sequence[Verdict]) -> None:
    """Print each row as published and as predicted without it."""
    heads = ("texts/s", "predicted", "error", "p50 ms", "predicted", "error")
    sys.stdout.write(_ROW.format("row", "batch", "clients", *heads))
    for one in verdicts:
        row = one.row
        cells = (
            f"{row.texts_per_second:.1f}", f"{one.texts_per_second:.1f}", f"{one.throughput_error:+.1%}",
            f"{row.p50 * 1e3:.1f}", f"{one.p50 * 1e3:.1f}", f"{one.p50_error:+.1%}",
        )  # fmt: skip
        sys.stdout.write(_ROW.format(row.name, row.batch, f"{row.models}x{row.workers}", *cells))
    sys.stdout.write("\n")


def timed_plan() -> tuple[float, int]:
    """Return the seconds of a plan for 5000 requests a second, and the instances that it chose."""
    start = time.perf_counter()
    choices = plan(Demand(_TRAFFIC, 0.1, _FLEET), inf1_instances(4, {}))
    return time.perf_counter() - start, choices[0].instances


def simulated_per_second() -> float:
    """Return how many requests a second are simulated."""
    run = Run()
    requests = _TRAFFIC.requests(run.requests, run.seed)
    fleet = Fleet(20, 4, _FLEET.times, host_seconds=0.0002)
    start = time.perf_counter()
    Simulation(fleet, run).play(requests)
    return run.requests / (time.perf_counter() - start)


def measure() -> dict[str, float]:
    """Return the figures."""
    verdicts, strict = leave_one_out(), leave_configuration_out()
    show(verdicts)
    errors = [abs(one.throughput_error) for one in verdicts]
    model = fit(ROWS)
    seconds, instances = timed_plan()
    return {
        "leave_one_out_worst_relative_error": max(errors),
        "leave_one_out_median_relative_error": statistics.median(errors),
        "leave_one_out_worst_relative_error_p50": max(abs(one.p50_error) for one in verdicts),
        "leave_configuration_out_worst_relative_error": max(
            abs(one.throughput_error) for one in strict
        ),
        "rows": len(ROWS),
        "parameters": PARAMETERS,
        "fitted_overhead_ms": model.overhead * 1e3,
        "fitted_tflops_per_core": model.rate / 1e12,
        "plan_seconds": seconds,
        "plan_instances": instances,
        "simulated_requests_per_second": simulated_per_second(),
    }


if __name__ == "__main__":
    harness.write_results("capacity", measure(), figures.bars("capacity"))
