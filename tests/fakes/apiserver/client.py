"""The operator's own client for tests that are not asynchronous: one loop, one connection pool, plain words."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from typing import Any, TypeVar

from tracedmodel_operator.errors import api_error
from tracedmodel_operator.kinds import Kind
from tracedmodel_operator.kube import ClientTransport, Kube, Request, Response

T = TypeVar("T")
Object = dict[str, Any]
APPLY, MERGE = "application/apply-patch+yaml", "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
_LAST_TICKS = 10


async def _ticks(count: int) -> None:
    """Let what is due in the loop happen: a connection over TLS closes in steps."""
    for _ in range(count):
        await asyncio.sleep(0)


class Api:
    """An API server as tests speak to it; ``user`` is whom an administrator pretends to be."""

    def __init__(self, namespace: str, user: str = "") -> None:
        self.namespace = namespace
        self._loop = asyncio.new_event_loop()
        self.transport = self.run(ClientTransport.open())
        self.kube = Kube(self.transport)
        if user:
            self.transport._client.set_default_header("Impersonate-User", user)

    def close(self) -> None:
        """Close every connection."""
        self.run(self.transport.close())
        self.run(_ticks(_LAST_TICKS))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end."""
        return self._loop.run_until_complete(work)

    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> Response:
        """Send a request and return the answer; ``more`` is the query, but for ``content_type``."""
        content_type = more.pop("content_type", "application/json")
        query = {key: str(value) for key, value in more.items()}
        return self.run(self.transport(Request(method, path, query, body, content_type)))

    def done(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """Send a request that must succeed and return what was answered."""
        response = self.ask(method, path, body, **more)
        if response.status >= 400:
            raise api_error(response.status, response.body, response.retry_after)
        return response.body

    def path(self, kind: Kind, name: str = "", subresource: str = "") -> str:
        """Return a path in the test's namespace."""
        return kind.path(self.namespace, name, subresource)

    def create(self, kind: Kind, document: Object, manager: str = "creator", **query: str) -> Any:
        """Create an object in the test's namespace."""
        query = {"fieldManager": manager, **query}
        return self.done("POST", self.path(kind), self._typed(kind, document), **query)

    def apply(self, kind: Kind, document: Object, manager: str, **query: str) -> Response:
        """Apply an object, or with ``subresource`` a part of it, by a manager."""
        path = self.path(kind, document["metadata"]["name"], query.pop("subresource", ""))
        query = {"fieldManager": manager, **query}
        return self.ask("PATCH", path, self._typed(kind, document), content_type=APPLY, **query)

    def merge(self, kind: Kind, name: str, patch: Object, **query: str) -> Any:
        """Merge a patch into an object."""
        path = self.path(kind, name, query.pop("subresource", ""))
        query = {"fieldManager": "merger", **query}
        return self.done("PATCH", path, patch, content_type=MERGE, **query)

    def get(self, kind: Kind, name: str) -> Any:
        """Return an object."""
        return self.done("GET", self.path(kind, name))

    def names(self, kind: Kind, **query: Any) -> list[str]:
        """Return the names in a list."""
        items = self.done("GET", self.path(kind), **query)["items"]
        return [item["metadata"]["name"] for item in items]

    def _typed(self, kind: Kind, document: Object) -> Object:
        return {"apiVersion": kind.api_version, "kind": kind.name, **document}

    def watch(self, kind: Kind, most: int, **query: Any) -> list[Object]:
        """Return the first events of a watch, fewer if it ends before."""
        return self.run(self._watched(self.path(kind), most, query))

    async def _watched(self, path: str, most: int, query: dict[str, Any]) -> list[Object]:
        events: list[Object] = []
        query = {"timeoutSeconds": 20, **query, "watch": "true"}
        async with aclosing(self._lines(path, query)) as lines:
            async for line in lines:
                events.append(json.loads(line))
                if len(events) == most:
                    break
        return events

    async def _lines(self, path: str, query: dict[str, Any]) -> AsyncGenerator[bytes, None]:
        client = self.transport._client
        method, url, headers, _, _ = await client.param_serialize(
            "GET",
            path,
            query_params=[(key, str(value)) for key, value in query.items()],
            header_params={"Accept": "application/json"},
            auth_settings=["BearerToken"],
        )
        answer = await client.call_api(method, url, headers, None, _request_timeout=60)
        try:
            if answer.status >= 400:
                raise api_error(answer.status, json.loads(await answer.read()))
            async for line in answer.response.content:
                yield line
        finally:
            connection = answer.response.connection
            if connection and connection.transport:
                # A polite end of TLS would wait for the server, which does not listen while it streams.
                connection.transport.abort()
            answer.response.close()
