"""The operator under load: ``make bench-operator``, or with ``--cluster`` against the API server of $KUBECONFIG."""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml

import figures
import harness
from measured_operator import NOT_COUNTED, Operator
from player import NAMESPACE, Player
from tracedmodel_operator.errors import AlreadyExists
from tracedmodel_operator.kinds import DEPLOYMENT, Kind
from tracedmodel_operator.kube import PAGE, ClientTransport

ONE_BY_ONE = 200
MANY = 1000
MOST = 10000
EVENTS = 100_000
_DRAWN_CREATED = 50
_DRAWN_LOOKS = 500
"""So many resources are between two points of a plot."""
_DEFINITION = Path(__file__).parent.parent / "crds" / "tracedmodels.tracedmodel.dev.yaml"
_NAMESPACES = Kind("Namespace", "", "v1", "namespaces")
_DEFINITIONS = Kind(
    "CustomResourceDefinition", "apiextensions.k8s.io", "v1", "customresourcedefinitions"
)


async def measure() -> tuple[dict[str, float], dict[str, Any]]:
    """Return all figures, and what is drawn of them."""
    player = Player(await ClientTransport.open())
    await _prepare(player)
    await player.start()
    operator = Operator()
    measured: dict[str, float] = {}
    series: dict[str, Any] = {}
    try:
        await _listening(operator)
        measured |= await _one_life(player, operator)
        measured |= await _one_by_one(player)
        jobs, ready = await _many(player)
        measured |= {"jobs_created_1000_s": jobs[-1], "ready_1000_s": ready[-1]}
        series["created"] = created(jobs, ready)
        names = [f"c{number}" for number in range(MOST - MANY - ONE_BY_ONE - 1)]
        series["filled"] = await _fill(player, operator, names)
        await operator.quiet()
        operator.stop()
        operator, found, series["restart"] = await _restart()
        measured |= found
        measured |= await _memory(player, operator)
    finally:
        operator.stop()
        await player.stop()
    return {name: measured[name] for name in figures.bars("operator")}, series


async def _prepare(player: Player) -> None:
    """Make what the operator needs."""
    for kind, document in (
        (_DEFINITIONS, yaml.safe_load(_DEFINITION.read_text(encoding="utf-8"))),
        (_NAMESPACES, {"metadata": {"name": NAMESPACE}}),
    ):
        named = {"apiVersion": kind.api_version, "kind": kind.name, **document}
        with suppress(AlreadyExists):
            await player.kube.create(kind, named)


async def _listening(operator: Operator) -> None:
    while not operator.metrics():  # noqa: ASYNC110  # a measurement, not a protocol
        await asyncio.sleep(0.1)
    await asyncio.sleep(5)


async def _one_life(player: Player, operator: Operator) -> dict[str, float]:
    """Count the requests of one resource from its creation until it is Ready and nothing more is sent."""
    before = operator.requests()
    await player.apply("life")
    await player.until(player.ready, ["life"])
    await operator.quiet()
    return {"requests_per_life": operator.requests() - before}


async def _one_by_one(player: Player) -> dict[str, float]:
    """Measure from one apply to its Job, on an operator with nothing else to do."""
    took = []
    for number in range(ONE_BY_ONE):
        name = f"a{number}"
        begun = time.perf_counter()
        await player.apply(name)
        took.append(await player.until(player.jobs, [name]) - begun)
        await player.until(player.ready, [name])
    cuts = statistics.quantiles(took, n=100)
    return {
        "apply_to_job_p50_ms": 1000 * statistics.median(took),
        "apply_to_job_p99_ms": 1000 * cuts[98],
    }


async def _many(player: Player) -> tuple[list[float], list[float]]:
    """Return after how many seconds each of many resources had its Job, and was Ready, in the order of that."""
    names = [f"b{number}" for number in range(MANY)]
    begun = time.perf_counter()
    await player.apply_all(names)
    await player.until(player.jobs, names)
    await player.until(player.ready, names)
    jobs, ready = (
        sorted(seen[name] - begun for name in names) for seen in (player.jobs, player.ready)
    )
    return jobs, ready


def created(jobs: Sequence[float], ready: Sequence[float]) -> list[dict[str, float]]:
    """Return of the first, and every so many resources, after how many seconds they had their Jobs, and were Ready."""
    return [
        {"resources": count, "jobs_s": jobs[count - 1], "ready_s": ready[count - 1]}
        for count in (1, *range(_DRAWN_CREATED, len(jobs) + 1, _DRAWN_CREATED))
    ]


async def _fill(player: Player, operator: Operator, names: list[str]) -> list[dict[str, float]]:
    """Bring many resources to Ready, a thousand at a time; return the operator's memory by their number."""
    seen = [{"resources": len(player.ready), "memory_mb": operator.memory_mb()}]
    for start in range(0, len(names), MANY):
        part = names[start : start + MANY]
        await player.apply_all(part)
        await player.until(player.ready, part)
        seen.append({"resources": len(player.ready), "memory_mb": operator.memory_mb()})
    return seen


async def _restart() -> tuple[Operator, dict[str, float], list[dict[str, float]]]:
    """Start an operator that finds everything done; its first look at each resource is a pass without a change.

    With the figures comes how far the pass was when, from the last moment at which it had not begun.
    """
    operator = Operator()
    seen: list[dict[str, float]] = [{"seconds": 0.0, "looks": 0.0}]
    while seen[-1]["looks"] < MOST:
        await asyncio.sleep(0.1)
        looks, seconds = operator.looks(), time.perf_counter() - operator.started
        if not looks:
            seen = [{"seconds": seconds, "looks": 0.0}]
        if looks >= min(MOST, seen[-1]["looks"] + _DRAWN_LOOKS):
            seen.append({"seconds": seconds, "looks": looks})
    await operator.quiet()
    writes = operator.requests(lists=False)
    measured = {
        "restart_pass_10000_s": seen[-1]["seconds"],
        "restart_writes_10000": writes,
        "idle_requests": writes + _single_reads(operator),
    }
    return operator, measured, seen


def _single_reads(operator: Operator) -> float:
    """Return the GETs beyond those of the lists: so many pages for each kind, and one look at the start."""
    total = 0.0
    pages = {"TracedModel": 1 + -(-MOST // PAGE), "Pod": -(-3 * MOST // PAGE)}
    for name, value in operator.metrics().items():
        found = re.match(r".*api_requests_total\{.*kind=\"(\w+)\",method=\"GET\"", name)
        if found and found[1] not in NOT_COUNTED:
            total += max(0.0, value - pages.get(found[1], -(-MOST // PAGE)))
    return total


async def _memory(player: Player, operator: Operator) -> dict[str, float]:
    """Compare the memory of the settled operator with that after many more events."""
    await operator.settled()
    settled = operator.memory_mb()
    names = list(player.ready)
    room = asyncio.Semaphore(32)

    async def touch(number: int) -> None:
        async with room:
            name = names[number % len(names)]
            patch = {"metadata": {"annotations": {"bench": str(number)}}}
            await player.kube.merge(DEPLOYMENT, NAMESPACE, name, patch)

    for start in range(0, EVENTS, MANY):
        await asyncio.gather(*map(touch, range(start, start + MANY)))
    await operator.settled()
    return {
        "memory_10000_mb": settled,
        "memory_growth_ratio": operator.memory_mb() / settled,
    }


@contextmanager
def _fake() -> Iterator[dict[str, str]]:
    """Run the tests' API server as a process; yield the variables that name it."""
    with tempfile.TemporaryDirectory() as folder:
        kubeconfig = Path(folder) / "kubeconfig"
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "apiserver", "--kubeconfig", str(kubeconfig)),
                *("--history", "200000", "--log", "1"),
            ],
            stdout=subprocess.DEVNULL,
        )
        try:
            while not kubeconfig.exists():
                if process.poll() is not None:
                    raise RuntimeError(
                        "the API server did not start: is tests/fakes on PYTHONPATH?"
                    )
                time.sleep(0.05)
            yield {**os.environ, "KUBECONFIG": str(kubeconfig)}
        finally:
            process.terminate()
            process.wait()


def main() -> int:
    """Measure and write. The cluster client reads $KUBECONFIG when it is imported: hence the second process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cluster", action="store_true", help="use the cluster of $KUBECONFIG")
    parser.add_argument("--results", default="operator-cluster", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.cluster:
        with _fake() as variables:
            again = [sys.executable, __file__, "--cluster", "--results", "operator"]
            return subprocess.run(again, env=variables, check=False).returncode
    measured, series = asyncio.run(measure())
    harness.write_results(options.results, measured, figures.bars("operator"), series)
    return 0


if __name__ == "__main__":
    sys.exit(main())
