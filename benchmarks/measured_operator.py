"""The operator as a process that is measured: its memory, and what its metrics say."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

from player import NAMESPACE

NOT_COUNTED = {"Event", "Lease", "other"}
"""Events and the Lease aside, and the questions at the start about what the operator may do."""
_PORT = 18980
_SETTLING_SECONDS = 40.0
"""Longer than between the times at which the operator gives memory back."""
_IDLE_CPU_SHARE = 0.1


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
            if found is None or found[1] in NOT_COUNTED:
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
