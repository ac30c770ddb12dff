"""A server in a thread of its own, for tests that are not asynchronous or that start other processes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from apiserver.cluster import FakeCluster
from apiserver.faults import Faults
from apiserver.kubeconfig import write_kubeconfig
from apiserver.web import Front

T = TypeVar("T")


class FakeServer:
    """A running server: where it is, and what is behind it. The cluster may be used from any thread."""

    def __init__(self, front: Front, url: str, loop: asyncio.AbstractEventLoop) -> None:
        self.front = front
        self.url = url
        self.cluster = front.cluster
        self.faults = front.faults
        self._loop = loop

    def stop(self) -> None:
        """Cut every connection and listen no more, until the next start."""
        self.wait(self.front.stop())

    def start(self) -> None:
        """Listen again, where it did before."""
        self.front = Front(self.cluster, self.faults)
        self.wait(self.front.start(urlsplit(self.url).port or 0))

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something in the server's thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=30)

    def end_watches(self) -> None:
        """End the open watches, as a server does that goes away."""
        self._loop.call_soon_threadsafe(self.front.streams.close)

    def kubeconfig(self, path: Path, token: str = "operator") -> Path:
        """Write a kubeconfig file for the server."""
        return write_kubeconfig(path, self.url, token)


@contextmanager
def running(
    cluster: FakeCluster | None = None, faults: Faults | None = None
) -> Iterator[FakeServer]:
    """Run a server in a thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="fake API server", daemon=True)
    thread.start()

    front = Front(cluster or FakeCluster(), faults)
    try:
        url = asyncio.run_coroutine_threadsafe(front.start(), loop).result(timeout=30)
        server = FakeServer(front, url, loop)
        yield server
        server.stop()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
