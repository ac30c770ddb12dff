"""The plots of docs/benchmarks.md, each drawn from what a results file holds, with a title that says what it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from figures import FIGURES, IN_TIME_MS, bars, told
from tracedmodel_server.capacity.drawing import BLUE, GREY, ORANGE, PALE, Axis, Picture
from tracedmodel_server.capacity.judge import Verdict

Results = Mapping[str, Any]
_ROW = 28
"""Pixels of a row of a picture that has one for each thing."""
_FRAME = 128


def bars_plot(results: Mapping[str, Results]) -> str:
    """Draw every figure as a share of its bar; where the bar is 0 there is none."""
    rows = [
        (one.name, results[name][one.name], one.unit, one.bar)
        for name, known in FIGURES.items()
        for one in known
        if one.bar and name in results
    ]
    most = max(1.0, *(value / bar for _, value, _, bar in rows))
    within = sum(value <= bar for _, value, _, bar in rows)
    title = f"{within} of {len(rows)} figures are within their bars"
    share, names = Axis.upto("measured, as a share of the bar", most), [name for name, *_ in rows]
    picture = _rows(title, share, names, left=336, beside=150)
    for place, (_, value, unit, bar) in enumerate(rows):
        picture.area((0, value / bar), (place + 0.25, place + 0.75), BLUE)
        picture.words(share.most, place + 0.5, f"{told(value)} of {bar:,g} {unit}".rstrip())
    picture.limit("bar", 1)
    return picture.svg()


def steps_plot(export: Results) -> str:
    """Draw what each step of an export takes, beside the plain script."""
    steps = export["steps"]
    ours, plain = (export[name] for name in ("export_seconds", "plain_export_seconds"))
    title = f"An export of 8 buckets takes {ours:.2f} s, the plain script {plain:.2f} s"
    most = max(max(one["seconds"], one["plain_seconds"]) for one in steps)
    names = [one["step"] for one in steps]
    picture = _rows(title, Axis.upto("seconds, all buckets together", most), names, left=100)
    for place, one in enumerate(steps):
        picture.area((0, max(0, one["seconds"])), (place + 0.15, place + 0.48), BLUE, "exporter")
        picture.area(
            (0, max(0, one["plain_seconds"])), (place + 0.52, place + 0.85), ORANGE, "plain script"
        )
    return picture.svg()


def batches_plot(export: Results) -> str:
    """Draw how many texts a second batches of each size give, traced and eager."""
    rows = [{**one, "texts": 1000 * one["batch"] / one["p50_ms"]} for one in export["buckets"]]
    best = max(rows, key=lambda one: one["texts"])
    alone = next(one for one in rows if (one["batch"], one["length"]) == (1, best["length"]))
    title = (
        f"{best['length']} tokens: {best['texts']:,.0f} texts/s in batches of {best['batch']}, "
        f"{alone['texts']:,.0f} one by one"
    )
    sizes = sorted({one["batch"] for one in rows})
    batch = Axis("texts in a batch", 0, len(sizes) - 1, [*enumerate(map(str, sizes))])
    picture = Picture(title, batch, Axis.upto("texts/s", 1.05 * best["texts"]))
    for length in sorted({one["length"] for one in rows}):
        own = sorted((one for one in rows if one["length"] == length), key=lambda one: one["batch"])
        for name, time, colour in (("traced", "p50_ms", BLUE), ("eager", "eager_p50_ms", ORANGE)):
            points = [(n, 1000 * one["batch"] / one[time]) for n, one in enumerate(own)]
            dash = "none" if length == best["length"] else "6 4"
            picture.line(f"{name}, {length} tokens", points, colour, dash=dash, dots=True)
    return picture.svg()


def load_plot(load: Results) -> str:
    """Draw latencies over the offered load, of the server and of the plain one."""
    ours, plain = (load[f"{prefix}requests_per_second_in_100_ms"] for prefix in ("", "plain_"))
    title = (
        f"99 of 100 answers within {IN_TIME_MS} ms: up to {ours:g} requests/s, "
        f"from the plain server up to {plain:g}"
    )
    steps = load["load"]
    rate = Axis.upto("requests offered a second", max(one["requests_per_second"] for one in steps))
    fastest, slowest = min(one["p50_ms"] for one in steps), max(one["p99_ms"] for one in steps)
    latency = Axis.powers("latency, ms", min(fastest, IN_TIME_MS), max(slowest, IN_TIME_MS))
    picture = Picture(title, rate, latency)
    for server, name, colour in (("tracedmodel", "server", BLUE), ("plain", "plain", ORANGE)):
        own = [one for one in steps if one["server"] == server]
        for quantile, dash in (("p50", "6 4"), ("p99", "none")):
            points = [(one["requests_per_second"], one[f"{quantile}_ms"]) for one in own]
            picture.line(f"{name} {quantile}", points, colour, dash=dash, dots=True)
    picture.bar(f"{IN_TIME_MS} ms", IN_TIME_MS)
    return picture.svg()


def created_plot(operator: Results) -> str:
    """Draw how fast resources that are applied at once get their Jobs, and are Ready."""
    rows, bar = operator["created"], bars("operator")
    jobs, ready = (operator[name] for name in ("jobs_created_1000_s", "ready_1000_s"))
    title = f"1,000 resources at once: every Job after {jobs:.1f} s, all Ready after {ready:.1f} s"
    most = max(ready, bar["ready_1000_s"])
    count = Axis.upto("resources", max(one["resources"] for one in rows))
    picture = Picture(title, count, Axis.upto("seconds since the first was applied", 1.05 * most))
    for name, key, colour in (("Ready", "ready_s", BLUE), ("Job created", "jobs_s", ORANGE)):
        points = [(one["resources"], one[key]) for one in rows]
        picture.line(name, points, colour, dots=True)
    picture.bar("bar for all Ready", bar["ready_1000_s"])
    picture.bar("bar for every Job", bar["jobs_created_1000_s"])
    return picture.svg()


def restart_plot(operator: Results) -> str:
    """Draw how a restarted operator looks at everything once."""
    bar = bars("operator")["restart_pass_10000_s"]
    took, writes = operator["restart_pass_10000_s"], operator["restart_writes_10000"]
    title = (
        f"Restarted beside 10,000 resources: all looked at after {took:.1f} s, "
        f"with {writes:.0f} writes"
    )
    points = [(one["seconds"], one["looks"]) for one in operator["restart"]]
    seconds = Axis.upto("seconds since the operator was started", 1.05 * max(took, bar))
    looks = Axis.upto("resources looked at", max(looks for _, looks in points))
    picture = Picture(title, seconds, looks)
    picture.line("", [(0, 0), *points], BLUE)
    picture.limit("bar", bar)
    return picture.svg()


def memory_plot(operator: Results) -> str:
    """Draw the operator's memory while resources become more."""
    bar, settled = bars("operator")["memory_10000_mb"], operator["memory_10000_mb"]
    points = [(one["resources"], one["memory_mb"]) for one in operator["filled"]]
    count, highest = points[-1][0], max(memory for _, memory in points)
    title = (
        f"{settled:.0f} MiB with 10,000 resources, settled; at most {highest:.0f} while they came"
    )
    memory = Axis.upto("resident memory, MiB", 1.05 * max(bar, highest))
    picture = Picture(title, Axis.upto("resources", count), memory)
    picture.line("while resources are made", points, BLUE, dots=True)
    picture.dot(count, settled, ORANGE)
    picture.line("settled, after a restart", [(count, settled)] * 2, ORANGE)
    picture.bar("bar, settled", bar)
    return picture.svg()


def capacity_plot(verdicts: Sequence[Verdict]) -> str:
    """Draw the texts a second of published rows, and what is predicted of each without it."""
    bar = bars("capacity")["leave_one_out_worst_relative_error"]
    worst = max(abs(one.throughput_error) for one in verdicts)
    title = f"Predicted from the other rows, none is missed by more than {worst:.0%}"
    ends = [one.row.texts_per_second * share for one in verdicts for share in (1 - bar, 1 + bar)]
    names = [
        f"{one.row.name}, batch {one.row.batch}, {one.row.models}x{one.row.workers}"
        for one in verdicts
    ]
    texts = Axis.powers("texts/s of an inf1.xlarge", min(ends), max(ends))
    picture = _rows(title, texts, names, left=300)
    for place, one in enumerate(verdicts):
        published, middle = one.row.texts_per_second, place + 0.5
        span = (published * (1 - bar), published * (1 + bar))
        picture.area(span, (place + 0.2, place + 0.8), PALE, f"within {bar:.0%}")
        picture.line("published", [(published, place + 0.2), (published, place + 0.8)], GREY)
        picture.dot(one.texts_per_second, middle, BLUE, "predicted")
        picture.words(span[1], middle, f"{one.throughput_error:+.0%}")
    return picture.svg()


def _rows(title: str, x: Axis, names: Sequence[str], left: int, beside: int = 36) -> Picture:
    """Return a picture with a row for each name, the first on top; row n is from n to n + 1."""
    ticks = [(place + 0.5, name) for place, name in enumerate(names)]
    rows = Axis("", len(names), 0, ticks)
    return Picture(title, x, rows, height=_FRAME + _ROW * len(names), left=left, beside=beside)
