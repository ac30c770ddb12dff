"""Exporter, store and server against plain scripts that do the least of the same: ``make bench``."""

from __future__ import annotations

import itertools
import json
import shutil
import statistics
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

import figures
import harness
from tracedmodel_api.manifest import Graph
from tracedmodel_api.report import Report
from tracedmodel_api.request import REPORT_VARIABLE

SHAPES = tuple(itertools.product((1, 8), (16, 32, 64, 128)))
RUNS = 5
TEXTS = 2000
CLIENTS = 32
BATCHES = (1, 2, 4, 8, 16, 32)
LENGTHS = (32, 128)
STEPS = ("load", "trace", "save", "record", "reopen", "verify", "publish")
"""What an export does once it knows what to do; the rest is its start, imports above all, and its end."""
_HERE = Path(__file__).parent


def main() -> None:
    """Measure everything and write ``results/export.json``."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        export, steps = measure_export(folder)
        shown = {**export, **measure_store(folder), **measure_server(folder)}
        series = {"steps": steps, "buckets": measure_buckets(folder)}
    harness.write_results("export", shown, figures.bars("export"), series)


def measure_export(folder: Path) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """Return what an export costs beside the plain script, in whole and by step, and when all is published already."""
    manifest = harness.write_manifest(folder / "eight.yaml", SHAPES)
    kept = f"file://{folder / 'kept'}"
    command = harness.tracedmodel("export", str(manifest), "--no-benchmark", "--store")
    harness.timed([*command, kept])
    shapes = [_with_batches(graph) for graph in harness.read_graphs(kept)]
    our_steps: list[Mapping[str, float]] = []
    their_steps: list[Mapping[str, float]] = []

    def ours() -> float:
        store, report = folder / "fresh", folder / "report.json"
        seconds = harness.timed([*command, f"file://{store}"], **{REPORT_VARIABLE: str(report)})
        shutil.rmtree(store)
        our_steps.append(by_step(_told(report), seconds))
        return seconds

    def theirs() -> float:
        place = folder / "plain"
        place.mkdir()
        script = [sys.executable, str(_HERE / "plain_export.py")]
        seconds = harness.timed([*script, str(harness.model_folder()), str(place), *shapes])
        told = json.loads((place / "steps.json").read_text(encoding="utf-8"))
        shutil.rmtree(place)
        their_steps.append(by_step(told, seconds))
        return seconds

    export, plain, ratio = harness.ratio(RUNS, ours, theirs)
    cached = statistics.median(harness.timed([*command, kept]) for _ in range(RUNS))
    measured = {
        "export_seconds": export,
        "plain_export_seconds": plain,
        "export_overhead_ratio": ratio,
        "cached_export_seconds": cached,
    }
    return measured, compare_steps(our_steps, their_steps)


def _told(report: Path) -> Mapping[str, float]:
    found = Report.parse(report.read_bytes())
    if found is None:
        raise RuntimeError("the export left no report")
    return dict(found.milliseconds)


def by_step(milliseconds: Mapping[str, float], seconds: float) -> dict[str, float]:
    """Return the seconds of each step, and of the rest of a whole run."""
    steps = {step: milliseconds.get(step, 0) / 1000 for step in STEPS}
    return {"rest": seconds - sum(steps.values()), **steps}


def compare_steps(
    ours: Sequence[Mapping[str, float]], theirs: Sequence[Mapping[str, float]]
) -> list[dict[str, Any]]:
    """Return the median seconds of each step."""
    return [
        {
            "step": step,
            "seconds": statistics.median(run[step] for run in ours),
            "plain_seconds": statistics.median(run[step] for run in theirs),
        }
        for step in ours[0]
    ]


def measure_buckets(folder: Path) -> list[dict[str, Any]]:
    """Return the milliseconds of a batch of each shape, traced and eager, as an export measures them."""
    shapes = tuple(itertools.product(BATCHES, LENGTHS))
    manifest = harness.write_manifest(folder / "batches.yaml", shapes)
    url = f"file://{folder / 'batches'}"
    harness.timed(harness.tracedmodel("export", str(manifest), "--store", url))
    return [
        {
            "batch": graph.bucket.batch_size,
            "length": graph.bucket.sequence_length,
            "p50_ms": graph.benchmark.p50_microseconds / 1000,
            "eager_p50_ms": graph.benchmark.eager_p50_microseconds / 1000,
        }
        for graph in harness.read_graphs(url)
        if graph.benchmark
    ]


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
    listing = harness.write_listing(folder, url, graphs)
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


def _started(index: Path, url: str) -> tuple[float, int]:
    """Return the seconds until a server is ready, and its memory then."""
    with harness.server(index, url, harness.free_port()) as (process, seconds):
        return seconds, harness.pss_bytes(process)


def served_error(index: Path, url: str) -> float:
    """Return the worst absolute error of texts served under load against the eager model on each alone."""
    texts = list(harness.texts(TEXTS))
    port = harness.free_port()
    with harness.server(index, url, port), ThreadPoolExecutor(CLIENTS) as clients:
        served = list(clients.map(lambda text: _ask(port, text), texts))
    return max(float(np.abs(a - b).max()) for a, b in zip(served, _eager(texts), strict=True))


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
