"""Latency over offered load, the server against a plain one: ``make bench-load``.

Requests come at random moments, as from many users who do not wait for one another, and a request's time counts from
the moment at which it was due: a server that falls behind cannot slow its clients down. Servers and clients each have half
of the CPUs. Each rate is a fifth above the one before; a server that has become slow is not asked for more.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

import aiohttp

import figures
import harness
from export import SHAPES
from tracedmodel_runtime.tuning import tune

FIRST_RATE = 20.0
GROWTH = 1.2
SECONDS = 30.0
WARM_SECONDS = 5.0
SLOW_MS = 1000.0
_TEXTS = 2000
_ANSWER_SECONDS = 120
_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Step:
    """What a server did at a rate. Milliseconds; ``failed`` counts requests without an answer."""

    server: str
    requests_per_second: float
    p50_ms: float
    p99_ms: float
    failed: int


def main() -> None:
    """Measure and write ``results/load.json``."""
    with tempfile.TemporaryDirectory() as name:
        steps = measure(Path(name))
    series = {"load": [vars(step) for step in steps]}
    harness.write_results("load", summary(steps), figures.bars("load"), series)


def measure(folder: Path) -> list[Step]:
    """Return the steps of both servers."""
    manifest = harness.write_manifest(folder / "eight.yaml", SHAPES)
    url = f"file://{folder / 'store'}"
    harness.timed(harness.tracedmodel("export", str(manifest), "--no-benchmark", "--store", url))
    graphs = harness.read_graphs(url)
    index = harness.write_index(folder / "eight.json", graphs)
    listing = harness.write_listing(folder, url, graphs)
    tokenizer = harness.model_folder() / "tokenizer.json"
    port = harness.free_port()
    plain = [sys.executable, str(_HERE / "plain_http.py"), str(listing), str(tokenizer), str(port)]
    ours = swept("tracedmodel", harness.server(index, url, port), port)
    # Threads that spin while they wait would cost the plain server more than all that is compared here.
    tuned: dict[str, str] = {}
    tune(tuned)
    theirs = swept("plain", harness.listener(plain, port, **tuned), port)
    return [*ours, *theirs]


def swept(
    name: str, server: AbstractContextManager[tuple[Popen[bytes], float]], port: int
) -> list[Step]:
    """Return a server's steps, up to the first that is slow."""
    serving, asking = halves(sorted(os.sched_getaffinity(0)))
    bodies = [_body(text) for text in harness.texts(_TEXTS)]
    found: list[Step] = []
    with _on(serving), server, _on(asking):
        asyncio.run(_asked(port, bodies, FIRST_RATE, WARM_SECONDS))
        for rate in rates():
            latencies = asyncio.run(_asked(port, bodies, rate, SECONDS))
            found.append(step(name, rate, latencies))
            sys.stdout.write(f"{found[-1]}\n")
            if found[-1].p99_ms > SLOW_MS:
                break
    return found


def rates() -> Iterator[float]:
    """Yield requests a second, each a fifth more than the one before."""
    rate = FIRST_RATE
    while True:
        yield float(round(rate))
        rate *= GROWTH


def step(name: str, rate: float, latencies: Sequence[float | None]) -> Step:
    """Return what latencies in seconds say, of which None had no answer: counted as the longest that a client waits."""
    waited = [1000 * (_ANSWER_SECONDS if one is None else one) for one in latencies]
    cuts = statistics.quantiles(waited, n=100, method="inclusive")
    return Step(name, rate, cuts[49], cuts[98], sum(one is None for one in latencies))


def summary(steps: Sequence[Step]) -> dict[str, float]:
    """Return the figures: for each server the highest rate before it was late, and its median at the lowest."""
    told: dict[str, float] = {}
    for prefix, name in (("", "tracedmodel"), ("plain_", "plain")):
        own = [one for one in steps if one.server == name]
        told[f"{prefix}requests_per_second_in_100_ms"] = _in_time(own)
        told[f"{prefix}light_p50_ms"] = own[0].p50_ms
    return told


def _in_time(steps: Iterable[Step]) -> float:
    most = 0.0
    for one in steps:
        if one.p99_ms > figures.IN_TIME_MS:
            break
        most = one.requests_per_second
    return most


def _body(text: str) -> dict[str, object]:
    return {"instances": [{"text": text}], "parameters": {"truncate": True}}


async def _asked(
    port: int, bodies: Sequence[dict[str, object]], rate: float, seconds: float
) -> list[float | None]:
    """Ask at a rate for some seconds; return the latency of each request, None without an answer."""
    draw = random.Random(7)  # noqa: S311  # a seeded load, no secret
    url = f"http://127.0.0.1:{port}/v1/models/minilm:predict"
    timeout = aiohttp.ClientTimeout(total=_ANSWER_SECONDS)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:

        async def ask(due: float, body: dict[str, object]) -> float | None:
            try:
                async with session.post(url, json=body) as answer:
                    await answer.read()
                    good = answer.status == 200  # noqa: PLR2004  # OK
            except (aiohttp.ClientError, TimeoutError):
                return None
            return time.perf_counter() - due if good else None

        asked: list[asyncio.Task[float | None]] = []
        begun, due = time.perf_counter(), 0.0
        while (due := due + draw.expovariate(rate)) < seconds:
            await asyncio.sleep(begun + due - time.perf_counter())
            body = bodies[len(asked) % len(bodies)]
            asked.append(asyncio.create_task(ask(begun + due, body)))
        return await asyncio.gather(*asked)


def halves(processors: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
    """Return the CPUs of the server, and those of its clients: the same where there is but one."""
    half = max(1, len(processors) // 2)
    return processors[:half], processors[half:] or processors


@contextmanager
def _on(processors: Sequence[int]) -> Iterator[None]:
    """Keep this thread, and what it starts, to some CPUs."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, processors)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


if __name__ == "__main__":
    main()
