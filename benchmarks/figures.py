"""What every recorded figure is: its name, unit, and bar, the value that it should not be above."""

from __future__ import annotations

from dataclasses import dataclass

IN_TIME_MS = 100
"""Within which 99 of 100 requests are to be answered where servers are compared."""


@dataclass(frozen=True)
class Figure:
    """A figure of a results file; the unit is empty for plain numbers."""

    name: str
    unit: str
    text: str
    bar: float | None = None


FIGURES: dict[str, tuple[Figure, ...]] = {
    "export": (
        Figure("export_seconds", "s", "an export of eight buckets, the whole process, without timing the buckets"),
        Figure("plain_export_seconds", "s", "the plain script that does the least of the same"),
        Figure("export_overhead_ratio", "", "the first over the second", 1.15),
        Figure("cached_export_seconds", "s", "the same export when all is published already", 1.5),
        Figure("store_bytes_ratio", "", "bytes of a store with eight buckets over one with one, golden data aside", 1.10),
        Figure("server_start_seconds", "s", "a server of eight buckets from its start until it has proved itself and is ready"),
        Figure("plain_start_seconds", "s", "the plain script that loads the same and runs the same batches"),
        Figure("server_start_ratio", "", "the first over the second", 1.3),
        Figure("server_memory_mb", "MiB", "memory of the ready server (PSS)"),
        Figure("server_memory_ratio", "", "the same over that of a server with one bucket", 1.25),
        Figure("served_worst_abs_error", "", "2,000 texts served to 32 clients at once, against the eager model on each alone", 1e-4),
    ),
    "load": (
        Figure("requests_per_second_in_100_ms", "requests/s", "the most offered at which 99 of 100 are answered within 100 ms"),
        Figure("plain_requests_per_second_in_100_ms", "requests/s", "the same of the plain server"),
        Figure("light_p50_ms", "ms", "a request's median at the lightest load"),
        Figure("plain_light_p50_ms", "ms", "the same of the plain server"),
    ),
    "operator": (
        Figure("apply_to_job_p50_ms", "ms", "from one apply to its Job, the operator idle: median of 200", 30),
        Figure("apply_to_job_p99_ms", "ms", "the same, 99 of 100", 100),
        Figure("jobs_created_1000_s", "s", "1,000 resources applied at once, until each has its Job", 10),
        Figure("ready_1000_s", "s", "the same 1,000, until all are Ready", 30),
        Figure("restart_pass_10000_s", "s", "10,000 resources that are Ready, the operator restarted: until it has looked at all", 30),
        Figure("restart_writes_10000", "writes", "what it wrote meanwhile", 0),
        Figure("memory_10000_mb", "MiB", "resident memory with 10,000 resources, settled", 350),
        Figure("memory_growth_ratio", "", "the same after 100,000 more events, over that", 1.05),
        Figure("idle_requests", "requests", "other than lists and watches, in a pass over 10,000 in which nothing changed", 0),
        Figure("requests_per_life", "requests", "of one resource from its creation until it is Ready, Events and the Lease aside", 14),
    ),
    "install": (
        Figure("helm_p50_s", "s", "`helm install` until Helm is done, images present: the median"),
        Figure("ready_p50_s", "s", "until every operator is ready: the median"),
        Figure("ready_worst_s", "s", "the slowest of all", 10),
        Figure("installations", "", "installations that count"),
    ),
    "capacity": (
        Figure("leave_one_out_worst_relative_error", "", "texts a second of a published row, predicted without it: the worst", 0.25),
        Figure("leave_one_out_median_relative_error", "", "the median of all rows"),
        Figure("leave_one_out_worst_relative_error_p50", "", "the worst of their median latencies"),
        Figure("leave_configuration_out_worst_relative_error", "", "the worst when a row's twins are left out as well", 0.25),
        Figure("rows", "rows", "that AWS published"),
        Figure("parameters", "", "numbers that are fitted on them"),
        Figure("fitted_overhead_ms", "ms", "the one: of each call and model of a chip"),
        Figure("fitted_tflops_per_core", "TFLOP/s", "the other: what a core carries out"),
        Figure("plan_seconds", "s", "a plan for 5,000 requests a second", 20),
        Figure("plan_instances", "instances", "what it chooses"),
        Figure("simulated_requests_per_second", "requests/s", "how many requests the simulation plays a second"),
    ),
}  # fmt: skip
"""By results file."""


def bars(name: str) -> dict[str, float]:
    """Return the bars of a results file."""
    return {one.name: one.bar for one in FIGURES[name] if one.bar is not None}


def told(value: float) -> str:
    """Return a measured value for people, to three digits or whole."""
    whole = abs(value) >= 100 or value == int(value)  # noqa: PLR2004  # three digits
    return f"{value:,.0f}" if whole else f"{value:#.3g}"
