"""The operator under load: ``make bench-operator``, or with ``--cluster`` against the API server of $KUBECONFIG."""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import yaml

import harness
from player import NAMESPACE, Player
from tracedmodel_operator.errors import AlreadyExists
from tracedmodel_operator.kinds import DEPLOYMENT, Kind
from tracedmodel_operator.kube import PAGE, ClientTransport

BARS = {
    "apply_to_job_p50_ms": 30,
    "apply_to_job_p99_ms": 100,
    "jobs_created_1000_s": 10,
    "ready_1000_s": 30,
    "restart_pass_10000_s": 30,
    "restart_writes_10000": 0,
    "memory_10000_mb": 350,
    "memory_growth_ratio": 1.05,
    "idle_requests": 0,
    "requests_per_life": 14,
}
ONE_BY_ONE = 200
MANY = 1000
MOST = 10000
EVENTS = 100_000
_DEFINITION = Path(__file__).parent.parent / "crds" / "tracedmodels.tracedmodel.dev.yaml"
_NOT_COUNTED = {"Event", "Lease", "other"}
"""Events and the Lease aside, and the questions at the start about what the operator may do."""
_PORT = 18980
_SETTLING_SECONDS = 40.0
"""Longer than between the times at which the operator gives memory back."""
_IDLE_CPU_SHARE = 0.1
_NAMESPACES = Kind("Namespace", "", "v1", "namespaces")
_DEFINITIONS = Kind(
    "CustomResourceDefinition", "apiextensions.k8s.io", "v1", "customresourcedefinitions"
)


class Operator:
    """The operator as a process, and what its metrics say."""

    def __init__(self) -> None:
        self.started = time.perf_counter()
        settings = {
            "DEFAULT_STORE_URL": "s3://models/{namespace}",
            "HEALTH_HOST": "127.0.0.1",
            "HEALTH_PORT": str(_PORT),
            "LOG_LEVEL": "WARNING",
            "NAMESPACE": NAMESPACE,
        }
        named = {f"TRACEDMODEL_OPERATOR_{name}": value for name, value in settings.items()}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tracedmodel_operator"], env={**os.environ, **named}
        )

    def stop(self) -> None:
        """End it as a cluster does."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)

    def memory_mb(self) -> float:
        """Return its resident memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found  # noqa: S101  # the kernel always tells
        return int(found[1]) / 1024

    def metrics(self) -> dict[str, float]:
        """Return its metrics, by name with labels; none before it listens."""
        if self.process.poll() is not None:
            raise RuntimeError(f"the operator ended with {self.process.returncode}")
        with suppress(OSError):
            with urllib.request.urlopen(f"http://127.0.0.1:{_PORT}/metrics", timeout=30) as page:
                lines = page.read().decode().splitlines()
            return {
                name: float(value)
                for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")
            }
        return {}

    def looks(self) -> float:
        """Return how many times it looked at a resource."""
        return sum(v for k, v in self.metrics().items() if "operator_reconciles_total" in k)

    def requests(self, *, lists: bool = True, reads: bool = True) -> float:
        """Return how many requests it sent; lists are the GETs of a process that only lists."""
        total = 0.0
        for name, value in self.metrics().items():
            found = re.match(r".*api_requests_total\{.*kind=\"(\w+)\",method=\"(\w+)\"", name)
            if found is None or found[1] in _NOT_COUNTED:
                continue
            if found[2] != "GET" or (lists and reads):
                total += value
        return total

    def cpu_seconds(self) -> float:
        """Return the CPU time that it took so far."""
        return self.metrics().get("process_cpu_seconds_total", 0.0)

    async def quiet(self, seconds: float = 2.0) -> None:
        """Return once it looked at nothing for a while."""
        looks = -1.0
        while looks != (looks := self.looks()) or not looks:  # noqa: ASYNC110  # as in player.py
            await asyncio.sleep(seconds)

    async def settled(self) -> None:
        """Return once it has nothing to do: watches are heard to the end after the last look, and memory given back."""
        await self.quiet(5)
        spent = float("-inf")
        while (spent_now := self.cpu_seconds()) - spent > _IDLE_CPU_SHARE * _SETTLING_SECONDS:
            spent = spent_now
            await asyncio.sleep(_SETTLING_SECONDS)


async def measure() -> dict[str, float]:
    """Return all figures."""
    player = Player(await ClientTransport.open())
    await _prepare(player)
    await player.start()
    operator = Operator()
    figures: dict[str, float] = {}
    try:
        await _listening(operator)
        figures |= await _one_life(player, operator)
        figures |= await _one_by_one(player)
        figures |= await _many(player)
        names = [f"c{number}" for number in range(MOST - MANY - ONE_BY_ONE - 1)]
        await _fill(player, names)
        await operator.quiet()
        operator.stop()
        operator, found = await _restart()
        figures |= found
        figures |= await _memory(player, operator)
    finally:
        operator.stop()
        await player.stop()
    return {name: figures[name] for name in BARS}


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


async def _many(player: Player) -> dict[str, float]:
    names = [f"b{number}" for number in range(MANY)]
    begun = time.perf_counter()
    await player.apply_all(names)
    jobs = await player.until(player.jobs, names)
    ready = await player.until(player.ready, names)
    return {"jobs_created_1000_s": jobs - begun, "ready_1000_s": ready - begun}


async def _fill(player: Player, names: list[str]) -> None:
    """Bring many resources to Ready, a thousand at a time."""
    for start in range(0, len(names), MANY):
        part = names[start : start + MANY]
        await player.apply_all(part)
        await player.until(player.ready, part)


async def _restart() -> tuple[Operator, dict[str, float]]:
    """Start an operator that finds everything done; its first look at each resource is a pass without a change."""
    operator = Operator()
    while operator.looks() < MOST:  # noqa: ASYNC110  # as in player.py
        await asyncio.sleep(0.1)
    seconds = time.perf_counter() - operator.started
    await operator.quiet()
    writes = operator.requests(lists=False)
    return operator, {
        "restart_pass_10000_s": seconds,
        "restart_writes_10000": writes,
        "idle_requests": writes + _single_reads(operator),
    }


def _single_reads(operator: Operator) -> float:
    """Return the GETs beyond those of the lists: so many pages for each kind, and one look at the start."""
    total = 0.0
    pages = {"TracedModel": 1 + -(-MOST // PAGE), "Pod": -(-3 * MOST // PAGE)}
    for name, value in operator.metrics().items():
        found = re.match(r".*api_requests_total\{.*kind=\"(\w+)\",method=\"GET\"", name)
        if found and found[1] not in _NOT_COUNTED:
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
    harness.write_results(options.results, asyncio.run(measure()), BARS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
