"""Requests to an API server, and the reads and writes that are made of them, whatever carries them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from tracedmodel_operator.errors import NotFound, api_error
from tracedmodel_operator.kinds import Kind
from tracedmodel_operator.names import MANAGER

Object = Mapping[str, Any]
JSON = "application/json"
PAGE = 250
"""Objects that one answer to a list holds at most."""
ERRORS = 400
"""The first status that is no success."""

_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"
_JSON_PATCH = "application/json-patch+json"
_MANAGER = {"fieldManager": MANAGER}


@dataclass(frozen=True)
class Request:
    """A request to an API server."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    content_type: str = JSON


@dataclass(frozen=True)
class Response:
    """Its answer; ``body`` is JSON, or text where it was none."""

    status: int
    body: Any
    retry_after: str | None = None


@dataclass(frozen=True)
class Page:
    """A part of a list, and the resourceVersion at which the list was taken."""

    items: list[dict[str, Any]]
    version: int


class Transport(Protocol):
    """Whatever carries a request there and its answer back.

    Raises :class:`~tracedmodel_operator.errors.Unavailable` if there is none.
    """

    async def __call__(self, request: Request) -> Response:
        """Send a request and return the answer."""
        ...


class Kube:
    """Reads and writes of objects as dictionaries; raises :class:`~tracedmodel_operator.errors.ApiError`."""

    def __init__(self, transport: Transport) -> None:
        self._send = transport

    async def get(self, kind: Kind, namespace: str, name: str) -> dict[str, Any]:
        """Return an object."""
        return await self._answer(Request("GET", kind.path(namespace, name)))

    async def pages(
        self, kind: Kind, namespace: str | None, selector: str = ""
    ) -> AsyncIterator[Page]:
        """Return all objects of a kind by pages, those that a label selector chooses, of all namespaces for None.

        Raises Expired if reading on took too long: begin again.
        """
        query = {"limit": str(PAGE)} | ({"labelSelector": selector} if selector else {})
        token = ""
        while True:
            more = {"continue": token} if token else {}
            answer = await self._answer(Request("GET", kind.path(namespace), {**query, **more}))
            metadata = answer.get("metadata") or {}
            # Items of a list do not say what they are.
            named = {"apiVersion": kind.api_version, "kind": kind.name}
            items = [{**named, **item} for item in answer.get("items") or []]
            yield Page(items, int(metadata.get("resourceVersion") or 0))
            token = metadata.get("continue") or ""
            if not token:
                return

    async def all(
        self, kind: Kind, namespace: str | None, selector: str = ""
    ) -> list[dict[str, Any]]:
        """Return all that :meth:`pages` does at once, where they are few."""
        return [i async for page in self.pages(kind, namespace, selector) for i in page.items]

    async def knows(self, kind: Kind) -> bool:
        """Tell whether the cluster has a kind; everybody who is let in may ask, as a rule."""
        try:
            answer = await self._answer(Request("GET", kind.root))
        except NotFound:
            return False
        return any(one["name"] == kind.plural for one in answer.get("resources") or ())

    async def create(self, kind: Kind, item: Object) -> dict[str, Any]:
        """Create an object; raises AlreadyExists where the name is taken, by whomever."""
        path = kind.path(item["metadata"].get("namespace"))
        return await self._answer(Request("POST", path, _MANAGER, dict(item)))

    async def replace(self, kind: Kind, item: Object) -> dict[str, Any]:
        """Replace an object; raises Conflict if its resourceVersion is not the newest."""
        metadata = item["metadata"]
        path = kind.path(metadata["namespace"], metadata["name"])
        return await self._answer(Request("PUT", path, _MANAGER, dict(item)))

    async def apply(self, kind: Kind, item: Object, subresource: str = "") -> dict[str, Any]:
        """Apply an object, taking over its fields. With metadata.uid it is that object or a Conflict."""
        metadata = item["metadata"]
        path = kind.path(metadata["namespace"], metadata["name"], subresource)
        query = {**_MANAGER, "force": "true"}
        return await self._answer(Request("PATCH", path, query, dict(item), _APPLY))

    async def merge(
        self, kind: Kind, namespace: str, name: str, patch: Object, subresource: str = ""
    ) -> dict[str, Any]:
        """Merge a patch into an object."""
        path = kind.path(namespace, name, subresource)
        return await self._answer(Request("PATCH", path, _MANAGER, dict(patch), _MERGE))

    async def json_patch(
        self, kind: Kind, namespace: str, name: str, operations: list[Object]
    ) -> dict[str, Any]:
        """Carry out the operations of a JSON patch."""
        path = kind.path(namespace, name)
        return await self._answer(Request("PATCH", path, _MANAGER, operations, _JSON_PATCH))

    async def rehearse(
        self, kind: Kind, item: Object, manager: str, patch: Object | None = None
    ) -> dict[str, Any]:
        """Return what an apply, or a merge of ``patch``, by a field manager would make; nothing is written."""
        metadata = item["metadata"]
        path = kind.path(metadata["namespace"], metadata["name"])
        query = {"fieldManager": manager, "fieldValidation": "Strict", "dryRun": "All"}
        if patch is not None:
            return await self._answer(Request("PATCH", path, query, dict(patch), _MERGE))
        query["force"] = "true"
        return await self._answer(Request("PATCH", path, query, dict(item), _APPLY))

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str | None = None) -> None:
        """Delete an object and, in the background, what it owns; one that is gone is gone."""
        body: dict[str, Any] = {"propagationPolicy": "Background"}
        if uid:
            body["preconditions"] = {"uid": uid}
        try:
            await self._answer(Request("DELETE", kind.path(namespace, name), {}, body))
        except NotFound:
            return

    async def _answer(self, request: Request) -> dict[str, Any]:
        response = await self._send(request)
        if response.status >= ERRORS:
            raise api_error(response.status, response.body, response.retry_after)
        body: dict[str, Any] = response.body
        return body
