"""The ASGI application: a table of paths, which are few and known, and one place where errors become replies."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from tracedmodel_server.bodies import BodyLimits
from tracedmodel_server.errors import NotFound, NotReady, Overloaded, RequestError, TooSlow
from tracedmodel_server.exchange import (
    ClientGone,
    Exchange,
    Message,
    Receive,
    Reply,
    Send,
    json_reply,
)
from tracedmodel_server.metrics import Metrics
from tracedmodel_server.service import Service, State

Handle = Callable[[Exchange], Awaitable[Reply]]
_log = logging.getLogger(__name__)
_UNKNOWN = "unknown"
_CLIENT_GONE = 499
_MODEL_ROOTS = ("/v2/models/", "/v1/models/")


@dataclass(frozen=True)
class Route:
    """What answers a path. ``name`` is its label in metrics."""

    method: str
    name: str
    handle: Handle


class App:
    """Finds the route of a request and replies."""

    def __init__(
        self, service: Service, metrics: Metrics, routes: Mapping[str, Route], limits: BodyLimits
    ) -> None:
        self._service = service
        self._metrics = metrics
        self._routes = routes
        self._limits = limits

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            raise RuntimeError(f"ASGI {scope['type']} is not spoken here")
        path = scope["path"]
        route = self._routes.get(path) or self._routes.get(path.rstrip("/"))
        name = route.name if route else _UNKNOWN
        try:
            reply = await self._reply(route, path, scope, receive)
        except ClientGone:
            self._metrics.answered(name, _CLIENT_GONE)
            return
        self._metrics.answered(name, reply.status)
        await self._send(reply, send)

    async def _reply(
        self, route: Route | None, path: str, scope: Message, receive: Receive
    ) -> Reply:
        try:
            if route is None:
                return _error(NotFound(self._not_found(path)))
            if scope["method"] != route.method and (scope["method"], route.method) != (
                "HEAD",
                "GET",
            ):
                return _wrong_method(scope["method"], route)
            with Exchange(scope, receive, self._limits).held() as exchange:
                return await route.handle(exchange)
        except RequestError as error:
            if error.status == RequestError.status:
                _log.error(
                    "request failed", extra={"route": route and route.name, "error": str(error)}
                )
            return _error(error)
        except ClientGone:
            raise
        except asyncio.CancelledError:
            # uvicorn ends what was not done when the time for it was over; its own answer would be plain text.
            return _error(NotReady("the server ends before this was answered: ask again"))
        except Exception:  # noqa: BLE001  # the boundary: a client gets a reply, the log gets the trace
            _log.exception("request failed by a fault that nobody foresaw")
            return json_reply(
                {"error": "a fault of the server, told in its log"}, RequestError.status
            )

    async def _send(self, reply: Reply, send: Send) -> None:
        headers = [
            (b"content-type", reply.content_type),
            (b"content-length", str(len(reply.body)).encode()),
            *reply.headers,
        ]
        if self._service.state is State.DRAINING:
            # A client that keeps its connection would write its next request into a closing one.
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})

    def _not_found(self, path: str) -> str:
        for root in _MODEL_ROOTS:
            if path.startswith(root):
                name, _, rest = path.removeprefix(root).partition("/")
                name = name.partition(":")[0]
                if name != self._service.name:
                    return f"there is no model {name[:100]!r} here, only {self._service.name!r}"
                if rest.startswith("versions/"):
                    return f"model {name!r} has version '1' alone, asked is {rest[9:109]!r}"
        return f"there is nothing at {path[:200]!r}"


def _error(error: RequestError) -> Reply:
    reply = json_reply({"error": str(error)}, error.status)
    if isinstance(error, Overloaded):
        wait = (b"retry-after", str(error.retry_after).encode())
        return Reply(reply.status, reply.body, headers=(wait,))
    if isinstance(error, TooSlow):
        return Reply(reply.status, reply.body, headers=((b"connection", b"close"),))
    return reply


def _wrong_method(method: str, route: Route) -> Reply:
    sentence = f"{route.name} is asked with {route.method}, not {method[:20]}"
    reply = json_reply({"error": sentence}, 405)
    return Reply(reply.status, reply.body, headers=((b"allow", route.method.encode()),))
