"""The API server, as far as the operator speaks to it. Nothing else knows the cluster client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import orjson
from kubernetes.aio import client, config

from tracedmodel_operator.errors import NotFound, Unavailable, api_error
from tracedmodel_operator.kinds import Kind
from tracedmodel_operator.names import MANAGER

Object = Mapping[str, Any]
PAGE = 250
"""Objects that one answer to a list holds at most."""

_JSON = "application/json"
_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"
_JSON_PATCH = "application/json-patch+json"
_ERRORS = 400
_SECONDS = 30


@dataclass(frozen=True)
class Request:
    """A request to an API server."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    content_type: str = _JSON


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
    """Whatever carries a request there and its answer back; raises :class:`Unavailable` if there is none."""

    async def __call__(self, request: Request) -> Response:
        """Send a request and return the answer."""
        ...


@dataclass(frozen=True)
class Access:
    """Where the API server is, and how to be let in; files by their paths."""

    server: str
    verified: bool
    authority: str | None
    certificate: str | None
    key: str | None
    token: str | None


async def find_access() -> Access:
    """Read the kubeconfig or, inside a cluster, the service account anew: tokens go out of date."""
    loaded = await _configuration()
    header = await loaded.get_api_key_with_prefix("BearerToken", alias="authorization")
    return Access(
        loaded.host,
        loaded.verify_ssl,
        loaded.ssl_ca_cert,
        loaded.cert_file,
        loaded.key_file,
        header.removeprefix("Bearer ") if header else None,
    )


async def _configuration(
    kubeconfig: Path | None = None, context: str | None = None
) -> client.Configuration:
    loaded = client.Configuration()
    # A file or context that is asked for by name is not looked for elsewhere.
    chosen = {"config_file": kubeconfig and str(kubeconfig), "context": context}
    named = chosen if kubeconfig or context else {}
    await config.load_config(client_configuration=loaded, **named)  # type: ignore[no-untyped-call]  # the client has no types
    # Once, and not for each request: aiohttp would look for a proxy and for ~/.netrc in threads, every time.
    loaded.proxy = loaded.proxy or _proxy_of_the_environment(loaded.host)
    loaded.client_session_kwargs = {"trust_env": False}
    return loaded


def _proxy_of_the_environment(url: str) -> str | None:
    place = urlsplit(url)
    return None if proxy_bypass(place.hostname or "") else getproxies().get(place.scheme)


class ClientTransport:
    """The cluster client: addresses, certificates and tokens are its business. Close it in the end."""

    def __init__(self, api: client.ApiClient) -> None:
        self._client = api

    @classmethod
    async def open(
        cls, kubeconfig: Path | None = None, context: str | None = None
    ) -> ClientTransport:
        """Read the kubeconfig or, inside a cluster and if neither is named, the service account."""
        loaded = await _configuration(kubeconfig, context)
        loaded.connection_pool_maxsize = 100
        return cls(client.ApiClient(loaded))

    async def close(self) -> None:
        """Close every connection."""
        await self._client.close()  # type: ignore[no-untyped-call]  # as above

    async def __call__(self, request: Request) -> Response:
        """Send a request and return the answer."""
        api = self._client
        headers = {"Content-Type": request.content_type, "Accept": _JSON}
        try:
            method, url, headers, _, _ = await api.param_serialize(
                request.method,
                request.path,
                query_params=list(request.query.items()),
                header_params=headers,
                auth_settings=["BearerToken"],
            )
            answer = await api.call_api(
                method, url, headers, request.body, _request_timeout=_SECONDS
            )
            text = await answer.read()  # type: ignore[no-untyped-call]  # as above
        except (aiohttp.ClientError, asyncio.TimeoutError, OSError) as error:
            message = f"no answer from the API server: {str(error) or type(error).__name__}"
            raise Unavailable(0, "NoAnswer", message) from error
        return Response(answer.status, _parsed(text), answer.headers.get("Retry-After"))


def _parsed(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:
        return text.decode(errors="replace")


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
        if response.status >= _ERRORS:
            raise api_error(response.status, response.body, response.retry_after)
        body: dict[str, Any] = response.body
        return body


_MANAGER = {"fieldManager": MANAGER}
