"""Exporter, store and server against plain scripts that do the least of the same: ``make bench``."""

from __future__ import annotations

import itertools
import json
import random
import shutil
import socket
import statistics
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

import harness
from tracedmodel_api.manifest import Graph
from tracedmodel_api.store import Store

SHAPES = tuple(itertools.product((1, 8), (16, 32, 64, 128)))
RUNS = 5
TEXTS = 2000
CLIENTS = 32
BARS = {
    "export_overhead_ratio": 1.15,
    "cached_export_seconds": 1.5,
    "store_bytes_ratio": 1.10,
    "server_memory_ratio": 1.25,
    "server_start_ratio": 1.3,
    "served_worst_abs_error": 1e-4,
}
_HERE = Path(__file__).parent


def main() -> None:
    """Measure everything and write ``results/export.json``."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures = {**measure_export(folder), **measure_store(folder), **measure_server(folder)}
    harness.write_results("export", figures, BARS)


def measure_export(folder: Path) -> dict[str, float]:
    """Return what an export costs beside the plain script, and when everything is published already."""
    manifest = harness.write_manifest(folder / "eight.yaml", SHAPES)
    kept = f"file://{folder / 'kept'}"
    command = harness.tracedmodel("export", str(manifest), "--no-benchmark", "--store")
    harness.timed([*command, kept])
    shapes = [_with_batches(graph) for graph in harness.read_graphs(kept)]

    def ours() -> float:
        store = folder / "fresh"
        seconds = harness.timed([*command, f"file://{store}"])
        shutil.rmtree(store)
        return seconds

    def theirs() -> float:
        place = folder / "plain"
        place.mkdir()
        script = [sys.executable, str(_HERE / "plain_export.py")]
        seconds = harness.timed([*script, str(harness.model_folder()), str(place), *shapes])
        shutil.rmtree(place)
        return seconds

    export, plain, ratio = harness.ratio(RUNS, ours, theirs)
    cached = statistics.median(harness.timed([*command, kept]) for _ in range(RUNS))
    return {
        "export_seconds": export,
        "plain_export_seconds": plain,
        "export_overhead_ratio": ratio,
        "cached_export_seconds": cached,
    }


def _with_batches(graph: Graph) -> str:
    return f"{graph.bucket.bucket()}:{graph.golden.batches}"


def measure_store(folder: Path) -> dict[str, float]:
    """Return the bytes of 8 buckets over those of 1, golden data aside."""
    manifest = harness.write_manifest(folder / "one.yaml", SHAPES[:1])
    one = f"file://{folder / 'one'}"
    harness.timed(harness.tracedmodel("export", str(manifest), "--no-benchmark", "--store", one))
    return {"store_bytes_ratio": _bytes(folder / "kept") / _bytes(folder / "one")}


def _bytes(store: Path) -> int:
    golden = {graph.golden.blob.digest for graph in harness.read_graphs(f"file://{store}")}
    files = (path for path in store.rglob("*") if path.is_file() and path.name not in golden)
    return sum(path.stat().st_size for path in files)


def measure_server(folder: Path) -> dict[str, float]:
    """Return what eight buckets cost a server beside one, its start beside the plain one, and its worst error."""
    url = f"file://{folder / 'kept'}"
    graphs = harness.read_graphs(url)
    eight = harness.write_index(folder / "eight.json", graphs)
    one = harness.write_index(folder / "one.json", graphs[:1])
    listing = _listing(folder, url, graphs)
    plain = [sys.executable, str(_HERE / "plain_server.py"), str(listing)]
    start, least, ratio = harness.ratio(
        RUNS, lambda: _started(eight, url)[0], lambda: harness.timed(plain)
    )
    memory = [
        statistics.median(_started(index, url)[1] for _ in range(3)) for index in (eight, one)
    ]
    return {
        "server_start_seconds": start,
        "plain_start_seconds": least,
        "server_start_ratio": ratio,
        "server_memory_mb": memory[0] / 2**20,
        "server_memory_ratio": memory[0] / memory[1],
        "served_worst_abs_error": served_error(eight, url),
    }


def _listing(folder: Path, url: str, graphs: Sequence[Graph]) -> Path:
    """Write what the plain server loads: the same files, copied out of the store beforehand."""
    blobs, store = folder / "blobs", Store(url)
    blobs.mkdir()
    entries = []
    for graph in graphs:
        (module,) = graph.modules
        shape = (graph.bucket.batch_size, graph.bucket.sequence_length)
        path = str(store.fetch(module.graph, blobs))
        entries.append({"path": path, "shape": shape, "batches": graph.golden.batches})
    weights = graphs[0].modules[0].weights
    if weights is None:
        raise RuntimeError("graphs for CPUs share their weights")
    listing = {"weights": str(store.fetch(weights, blobs)), "graphs": entries}
    path = folder / "listing.json"
    path.write_text(json.dumps(listing), encoding="utf-8")
    return path


def _started(index: Path, url: str) -> tuple[float, int]:
    """Return the seconds until a server is ready, and its memory then."""
    with harness.server(index, url, _port()) as (process, seconds):
        return seconds, harness.pss_bytes(process)


def _port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def served_error(index: Path, url: str) -> float:
    """Return the worst absolute error of texts served under load against the eager model on each alone."""
    texts = list(_texts())
    port = _port()
    with harness.server(index, url, port), ThreadPoolExecutor(CLIENTS) as clients:
        served = list(clients.map(lambda text: _ask(port, text), texts))
    return max(float(np.abs(a - b).max()) for a, b in zip(served, _eager(texts), strict=True))


def _texts() -> Iterator[str]:
    """Yield texts of 1 to about 110 words, their lengths log-normal."""
    draw = random.Random(7)  # noqa: S311  # a seeded load, no secret
    words = (harness.model_folder() / "README.md").read_text(encoding="utf-8").split()
    for _ in range(TEXTS):
        count = min(70, max(1, round(draw.lognormvariate(2.7, 0.8))))
        yield " ".join(draw.choices(words, k=count))


def _ask(port: int, text: str) -> np.ndarray:
    body = json.dumps({"instances": [{"text": text}], "parameters": {"truncate": True}}).encode()
    url = f"http://127.0.0.1:{port}/v1/models/minilm:predict"
    with urllib.request.urlopen(urllib.request.Request(url, body), timeout=120) as answer:
        return np.array(json.load(answer)["predictions"][0], np.float32)


def _eager(texts: Sequence[str]) -> Iterator[np.ndarray]:
    """Yield the embedding of each text by the eager model, alone and unpadded."""
    import torch  # noqa: PLC0415  # the timed processes bring their own
    import transformers  # noqa: PLC0415

    folder = harness.model_folder()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    with torch.inference_mode():
        for text in texts:
            inputs = tokenizer(text, return_tensors="pt", truncation=True, max_length=128)
            tokens = model(**inputs).last_hidden_state[0]
            pooled = torch.nn.functional.normalize(tokens.mean(0), dim=0)
            yield pooled.numpy()


if __name__ == "__main__":
    main()
