"""What the kubelet and Prometheus ask: ``/healthz``, ``/readyz`` and ``/metrics``."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from tracedmodel_operator.metrics import CONTENT_TYPE

Judgement = Callable[[], str | None]
"""Says in a sentence what is wrong, or returns None."""

_UNWELL = 503
_SHUT_DOWN_SECONDS = 1.0


class Readiness:
    """Whether the API server ever answered. A standby is ready: nobody waits for it."""

    def __init__(self) -> None:
        self._connected = False

    def connected(self) -> None:
        """Take note that the API server answered."""
        self._connected = True

    def __call__(self) -> str | None:
        """Say what is missing."""
        return None if self._connected else "the API server did not answer yet"


class Health:
    """A web server of three pages, on a port of its own; 0 takes any that is free."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        alive: Judgement,
        ready: Judgement,
        render: Callable[[], bytes],
    ) -> None:
        self._host, self._port = host, port
        self._alive, self._ready, self._render = alive, ready, render
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUT_DOWN_SECONDS)

    @property
    def port(self) -> int:
        """The port that it listens on, once started."""
        return int(self._runner.addresses[0][1])

    async def start(self) -> None:
        """Listen; raises ``OSError`` where the port is taken."""
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()

    async def stop(self) -> None:
        """Stop listening, and give answers under way a second."""
        await self._runner.cleanup()

    async def _healthz(self, _request: web.Request) -> web.Response:
        return _answer(self._alive())

    async def _readyz(self, _request: web.Request) -> web.Response:
        return _answer(self._ready())

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=self._render(), headers={"Content-Type": CONTENT_TYPE})


def _answer(trouble: str | None) -> web.Response:
    if trouble is None:
        return web.Response(text="ok\n")
    return web.Response(status=_UNWELL, text=f"{trouble}\n")
