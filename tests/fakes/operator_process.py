"""Operators as processes of their own, each with a server of its own before one fake cluster."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from apiserver import SYSTEM, Controllers, FakeCluster, Faults, InProcess
from apiserver.faults import Fault, Lost, When
from apiserver.jobs import is_over
from apiserver.running import FakeServer, running
from resources import resource
from tracedmodel_operator.kinds import EVENT, JOB, LEASE, REVIEW, TRACED_MODEL
from tracedmodel_operator.kube import Request

KEY = ("search", "minilm")
LEASE_KEY = ("system", "tracedmodel-operator")
PATIENCE_SECONDS = 40.0
_ASIDE = (LEASE.plural, REVIEW.plural, EVENT.plural)


def eventually(true: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until something is true; raises if it does not become so."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise AssertionError(f"it did not come true within {seconds:g} s: {true}")
        time.sleep(0.02)


class Door(Faults):
    """The faults of one operator's server, which also keeps what it writes, and lets things happen at requests."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []
        self._awaited: list[tuple[When, Callable[[], None]]] = []
        self._doom: tuple[int, bool, Callable[[], None]] | None = None

    def on(self, when: When, do: Callable[[], None]) -> None:
        """Do something, once, when a request comes, before it is carried out."""
        self._awaited.append((when, do))

    def doom(self, kill: Callable[[], None], at: int, *, carried_out: bool) -> None:
        """Kill the operator at a write from now on, the first being 1, before or after it is carried out."""
        self._doom = (len(self.writes) + at, carried_out, kill)

    def strike(self, request: Request) -> Fault | None:
        """Note a request, and return what befalls it."""
        for awaited in [entry for entry in self._awaited if entry[0](request)]:
            self._awaited.remove(awaited)
            awaited[1]()
        if request.method == "GET" or any(f"/{word}" in request.path for word in _ASIDE):
            return super().strike(request)
        self.writes.append(f"{request.method} {request.path}")
        if self._doom is None or self._doom[0] != len(self.writes):
            return super().strike(request)
        _, carried_out, kill = self._doom
        kill()
        return Lost(carried_out=carried_out)


class OperatorProcess:
    """``python -m tracedmodel_operator``."""

    def __init__(self, kubeconfig: Path, log: Path, **settings: Any) -> None:
        self.log = log
        self.port = settings.setdefault("health_port", _free_port())
        with log.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tracedmodel_operator"],
                env=_environment(kubeconfig, settings),
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )

    def page(self, path: str) -> tuple[int, str]:
        """Return the status and the text of a page; 0 if nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as page:
                return page.status, page.read().decode().strip()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode().strip()
        except OSError:
            return 0, ""

    def said(self) -> str:
        """Return the log."""
        return self.log.read_text(encoding="utf-8")

    def terminate(self) -> None:
        """Ask it to end."""
        self.process.terminate()

    def freeze(self) -> None:
        """Have it stand still."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Have it go on."""
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it here and now."""
        self.process.kill()
        self.process.wait()

    def exit_code(self, seconds: float = PATIENCE_SECONDS) -> int:
        """Wait for its end."""
        return self.process.wait(seconds)


class Site:
    """A fake cluster, its controllers, which act whenever the test waits, and operators. Its folder is for files."""

    def __init__(self, stack: ExitStack, folder: Path, cluster: FakeCluster | None = None) -> None:
        self.cluster = cluster or FakeCluster(namespaces=(KEY[0], LEASE_KEY[0]))
        self.controllers = Controllers(InProcess(self.cluster, user=SYSTEM))
        self._jobs = self.cluster.subscribe(JOB)
        self._stack = stack
        self._folder = folder
        self._count = 0

    def server(self, faults: Faults | None = None) -> FakeServer:
        """Open one more server before the cluster."""
        return self._stack.enter_context(running(self.cluster, faults))

    def operator(
        self, server: FakeServer | None = None, *, tell: bool = True, **settings: Any
    ) -> OperatorProcess:
        """Start an operator, at a server of its own by default; the end of the test is its end."""
        self._count += 1
        place = (server or self.server()).kubeconfig(self._folder / f"kubeconfig-{self._count}")
        log = self._folder / f"operator-{self._count}.log"
        chosen = {"namespace": LEASE_KEY[0], "default_store_url": "s3://models", **settings}
        operator = OperatorProcess(place, log, **chosen)
        self._stack.callback(_ended, operator, tell=tell)
        return operator

    def apply(self, spec: dict[str, Any] | None = None, name: str = KEY[1]) -> None:
        """Create a TracedModel, or change its spec, as a user does."""
        if self.cluster.get(TRACED_MODEL, KEY[0], name):
            self.cluster.merge(TRACED_MODEL, KEY[0], name, {"spec": spec or {}})
            return
        made = resource(spec, name=name).model_dump(mode="json", by_alias=True, exclude_none=True)
        metadata = {"name": name, "namespace": KEY[0]}
        self.cluster.create(TRACED_MODEL, {"metadata": metadata, "spec": made["spec"]})

    def condition(self, kind: str = "Ready", name: str = KEY[1]) -> str:
        """Return the reason of a condition, with an exclamation mark before it if it is not true."""
        item = self.cluster.get(TRACED_MODEL, KEY[0], name) or {}
        found = item.get("status", {}).get("conditions", ())
        told = [
            ("" if c["status"] == "True" else "!") + c["reason"] for c in found if c["type"] == kind
        ]
        return "".join(told)

    def holder(self) -> str | None:
        """Return who holds the Lease; None if there is none."""
        lease = self.cluster.get(LEASE, *LEASE_KEY)
        return lease["spec"].get("holderIdentity") if lease else None

    def eventually(self, true: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> None:
        """Let controllers act until something is true."""

        def acted() -> Any:
            asyncio.run(self.controllers.turn())
            return true()

        eventually(acted, seconds)

    def becomes_ready(self, name: str = KEY[1]) -> None:
        """Wait until a resource is ready at its newest spec."""

        def ready() -> bool:
            item = self.cluster.get(TRACED_MODEL, KEY[0], name)
            assert item is not None
            seen = item.get("status", {}).get("observedGeneration")
            current = seen == item["metadata"]["generation"]
            return current and self.condition("Ready", name) == "Succeeded"

        self.eventually(ready)

    def most_live_jobs(self) -> int:
        """Return how many Jobs ran at once since this was last asked, at the worst moment."""
        live: set[str] = set()
        most = 0
        for event in self._jobs:
            name = event.object["metadata"]["name"]
            (live.discard if event.type == "DELETED" or is_over(event.object) else live.add)(name)
            most = max(most, len(live))
        return most


def _ended(operator: OperatorProcess, *, tell: bool) -> None:
    if operator.process.poll() is None:
        operator.kill()
    if tell:
        sys.stderr.write(operator.said())


def _environment(kubeconfig: Path, settings: dict[str, Any]) -> dict[str, str]:
    prefix = "TRACEDMODEL_OPERATOR_"
    inherited = {k: v for k, v in os.environ.items() if not k.startswith((prefix, "KUBE"))}
    own = {"health_host": "127.0.0.1", "log_format": "text", **settings}
    told = {f"{prefix}{name.upper()}": str(value) for name, value in own.items()}
    return {**inherited, **told, "KUBECONFIG": str(kubeconfig)}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
