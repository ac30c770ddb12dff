"""The socket, and uvicorn on it."""

from __future__ import annotations

import contextlib
import math
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn

from tracedmodel_api.report import Failure
from tracedmodel_server.connection import ClientLimits, limited
from tracedmodel_server.settings import Settings

_BACKLOG = 4096
"""Connections that may wait to be accepted, as far as the kernel's somaxconn allows."""


def bind(settings: Settings) -> socket.socket:
    """Return a bound socket; raises Failure PortInUse, or InvalidRequest for a host that is not here."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((settings.host, settings.port))
        # Two servers may bind one port with SO_REUSEADDR, but only one can listen.
        bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        where = f"{settings.host}:{settings.port}"
        if isinstance(error, socket.gaierror):
            raise Failure("InvalidRequest", f"host {settings.host} is unknown") from error
        reason = error.strerror or str(error)
        raise Failure("PortInUse", f"port {where} cannot be listened on: {reason}") from error
    return bound


class Server(uvicorn.Server):
    """uvicorn without its signal handlers: it would end with the signal again, not with 0."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the server's life."""
        yield

    def connections(self) -> int:
        """Return how many connections are open."""
        return len(self.server_state.connections)


def listener(settings: Settings, app: Any, limits: ClientLimits) -> Server:
    """Return uvicorn for an application."""
    return Server(
        uvicorn.Config(
            app,
            http=limited(limits),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=settings.access_log,
            server_header=False,
            backlog=_BACKLOG,
            timeout_keep_alive=settings.idle_seconds,
            timeout_graceful_shutdown=math.ceil(settings.grace_seconds),
        )
    )
