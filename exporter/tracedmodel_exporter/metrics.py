"""What Prometheus may read of an export once it is over: one file of gauges. ``docs/metrics.md`` has each and its use.

An exporter lives for minutes and listens nowhere. A file is what node exporter's textfile collector, a pipeline that
compares exports, and people read alike.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, write_to_textfile

from tracedmodel_api import __version__
from tracedmodel_api.conditions import SUCCEEDED
from tracedmodel_api.report import Report, Row
from tracedmodel_exporter.pipeline import Export
from tracedmodel_exporter.progress import STEPS

_MICROSECONDS = 1e6


@dataclass(frozen=True)
class Run:
    """One run of the exporter; without an ``export`` it ended before it knew what was asked."""

    export: Export | None
    report: Report
    seconds: float
    steps: Mapping[tuple[str, str], float]
    """Seconds by subject and name of the step."""


def write(path: Path, run: Run) -> None:
    """Write the metrics of a run; a reader sees all of them, or the file that was there before."""
    write_to_textfile(str(path), registry_of(run))


def registry_of(run: Run) -> CollectorRegistry:
    """Return the metrics of a run."""
    gauges = _Gauges(run.export.request.name if run.export else "")
    _tell_end(gauges, run)
    if run.export is not None:
        _tell_export(gauges, run.export, run.report)
    for (subject, name), seconds in run.steps.items():
        bucket = subject if name in STEPS else ""
        gauges.set("step_seconds", "Seconds of a step", seconds, step=name, bucket=bucket)
    for row in run.report.rows:
        _tell_graph(gauges, row)
    return gauges.registry


class _Gauges:
    """Gauges that all have the model's name: the files of several exports may stand in one folder."""

    def __init__(self, model: str) -> None:
        self.registry = CollectorRegistry()
        self._model = model
        self._known: dict[str, Gauge] = {}

    def set(self, name: str, text: str, value: float | None, **labels: str) -> None:
        """Set a gauge; what was not measured is left out."""
        if value is None:
            return
        gauge = self._known.get(name)
        if gauge is None:
            gauge = self._known[name] = Gauge(
                f"tracedmodel_export_{name}", text, ["model", *labels], registry=self.registry
            )
        gauge.labels(model=self._model, **labels).set(value)


def _tell_end(gauges: _Gauges, run: Run) -> None:
    gauges.set("result", "How the export ended", 1, reason=run.report.reason or SUCCEEDED)
    gauges.set("end_timestamp_seconds", "When the export ended", time.time())
    gauges.set("seconds", "Seconds of the whole export", run.seconds)
    gauges.set("peak_memory_bytes", "The most memory that was in use", _peak_memory())


def _tell_export(gauges: _Gauges, export: Export, report: Report) -> None:
    request = export.request
    gauges.set(
        "info",
        "What was exported, and by what",
        1,
        version=__version__,
        task=request.task.value,
        target=request.target.value,
        precision=request.precision.value,
        revision=report.revision or "",
    )
    gauges.set("parameters", "Parameters of the model", report.parameters)
    gauges.set("stored_bytes", "Bytes of blobs that had to be stored", export.stored_bytes)
    for bucket in export.published:
        cached = bucket in export.cached
        text = "1 for a graph that was in the store already"
        gauges.set("cached", text, cached, bucket=str(bucket))


def _tell_graph(gauges: _Gauges, row: Row) -> None:
    bucket = str(row.bucket)
    gauges.set("graph_bytes", "Bytes of graph and golden data", row.size, bucket=bucket)
    gauges.set("golden_error", "Worst absolute error", row.error, bucket=bucket)
    gauges.set("agreement", "Share of golden answers that agree", row.agreement, bucket=bucket)
    text = "Seconds of a batch, as measured at the export"
    for quantile, time_ in (("0.5", row.p50), ("0.99", row.p99)):
        seconds = _seconds(time_)
        gauges.set("latency_seconds", text, seconds, bucket=bucket, quantile=quantile)
    text = "Median seconds of a batch of the eager model"
    gauges.set("eager_latency_seconds", text, _seconds(row.eager_p50), bucket=bucket)


def _seconds(microseconds: int | None) -> float | None:
    return None if microseconds is None else microseconds / _MICROSECONDS


def _peak_memory() -> int:
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in KiB, macOS in bytes.
    return most if sys.platform == "darwin" else most * 1024
