"""Exports for target Inf1 by real processes, each a pod with the stand-in for torch-neuron, on a node without a device."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import neuron_pod
from tracedmodel_api.buckets import Bucket
from tracedmodel_api.manifest import CompilerSettings, Graph, Index, Limits, Shape
from tracedmodel_api.report import Report
from tracedmodel_api.request import REPORT_VARIABLE, REQUEST_VARIABLE, ExportRequest
from tracedmodel_api.store import Store
from tracedmodel_api.types import Precision, Target, Task

LIMITS = Limits(absolute=0.05, relative=0.05, min_agreement=0.9)


@dataclass(frozen=True)
class Exported:
    """How an export ended, what it said, and the artifact that it made."""

    code: int
    report: Report
    said: str
    store: Store
    index_file: Path

    def graphs(self) -> list[Graph]:
        """Return the published manifests."""
        return [self.store.graph_by_digest(row.digest) for row in self.report.rows]

    def claiming(self, parameters: int, folder: Path) -> Exported:
        """Return the artifact with manifests that claim a model of so many weights."""
        graphs = [graph.model_copy(update={"parameters": parameters}) for graph in self.graphs()]
        for graph in graphs:
            self.store.put(graph.to_bytes())
        index_file = folder / "claiming.json"
        index_file.write_bytes(Index.of(graphs, LIMITS).to_bytes())
        return Exported(self.code, self.report, self.said, self.store, index_file)


def export(
    folder: Path,
    model: Path,
    task: str,
    *buckets: tuple[int, ...],
    compiler: CompilerSettings | None = None,
    limits: Limits = LIMITS,
    least: int = 80,
    **switches: str,
) -> Exported:
    """Export a model into a store in ``folder``; ``switches`` are those of the stand-in.

    Buckets are batch size, sequence length and, for translation, target length and beams; ``least`` per cent of the
    operators must be compiled.
    """
    request = ExportRequest(
        name="tiny",
        base_fingerprint="0" * 64,
        source=f"file://{model}",
        revision="",
        task=Task(task),
        target=Target.INF1,
        precision=Precision.FLOAT32,
        buckets=tuple(Shape.of(Bucket(*bucket)) for bucket in buckets),
        limits=limits,
        store_url=f"file://{folder}/store",
        compiler=compiler or CompilerSettings(pipeline_cores=1, args=()),
        min_compiled_percent=least,
    )
    left = folder / "report.json"
    told = {REQUEST_VARIABLE: request.to_bytes().decode(), REPORT_VARIABLE: str(left)}
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tracedmodel_exporter"],
        env=neuron_pod.environment(**switches, **told),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    report = Report.parse(left.read_bytes())
    assert report is not None, ended.stderr
    store = Store(request.store_url)
    index_file = folder / "index.json"
    if report.rows:
        graphs = [store.graph_by_digest(row.digest) for row in report.rows]
        index_file.write_bytes(Index.of(graphs, limits).to_bytes())
    return Exported(ended.returncode, report, ended.stderr, store, index_file)
