"""The API server, as far as the operator speaks to it. Nothing else knows the cluster client."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import orjson
import yaml
from kubernetes.aio import client, config

from tracedmodel_operator.errors import NoAccess, Unavailable, api_error
from tracedmodel_operator.wire import (
    ERRORS,
    JSON,
    PAGE,
    Kube,
    Page,
    Request,
    Response,
    Transport,
)

__all__ = [
    "PAGE",
    "Access",
    "ClientTransport",
    "Kube",
    "Page",
    "Request",
    "Response",
    "Transport",
    "find_access",
    "find_namespace",
]

_SECONDS = 30


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
        # "Bearer" by a kubeconfig, "bearer" by a service account.
        header.partition(" ")[2] if header else None,
    )


async def _configuration(
    kubeconfig: Path | str | None = None, context: str | None = None
) -> client.Configuration:
    loaded = client.Configuration()
    # A file or context that is asked for by name is not looked for elsewhere.
    chosen = {"config_file": kubeconfig and str(kubeconfig), "context": context}
    named = chosen if kubeconfig or context else {}
    if named or _has_kubeconfig():
        await config.load_kube_config(client_configuration=loaded, **named)  # type: ignore[no-untyped-call]  # the client has no types
    else:
        config.load_incluster_config(client_configuration=loaded)  # type: ignore[no-untyped-call]  # as above
    # Once, and not for each request: aiohttp would look for a proxy and for ~/.netrc in threads, every time.
    loaded.proxy = loaded.proxy or _proxy_of_the_environment(loaded.host)
    loaded.client_session_kwargs = {"trust_env": False}
    return loaded


def _has_kubeconfig() -> bool:
    """Tell whether there is any of the files of $KUBECONFIG, or the one at home.

    The client's own choice takes a list of files for the name of one, and warns of every service account.
    """
    places = config.KUBE_CONFIG_DEFAULT_LOCATION.split(os.pathsep)
    return any(Path(place).expanduser().is_file() for place in places if place)


def _proxy_of_the_environment(url: str) -> str | None:
    place = urlsplit(url)
    return None if proxy_bypass(place.hostname or "") else getproxies().get(place.scheme)


def find_namespace(kubeconfig: str | None, context: str | None) -> str:
    """Return the namespace of a context, the current one for None; raises :class:`NoAccess`."""
    try:
        contexts, active = config.list_kube_config_contexts(kubeconfig)  # type: ignore[no-untyped-call]  # as above
    except _UNREADABLE as error:
        raise NoAccess(str(error)) from error
    named = [c for c in contexts if c["name"] == context] if context else [active]
    if not named:
        known = ", ".join(sorted(c["name"] for c in contexts))
        raise NoAccess(f"the kubeconfig has no context {context}; it has {known}")
    return str(named[0]["context"].get("namespace") or "default")


_UNREADABLE = (config.ConfigException, yaml.YAMLError, OSError, KeyError, TypeError, ValueError)
"""What the client lets through of a kubeconfig that is not there, not one, or whose helper fails."""


class ClientTransport:
    """The cluster client: addresses, certificates and tokens are its business. Close it in the end."""

    def __init__(self, api: client.ApiClient) -> None:
        self._client = api

    @classmethod
    async def open(
        cls, kubeconfig: Path | str | None = None, context: str | None = None
    ) -> ClientTransport:
        """Read the kubeconfig or, inside a cluster and if neither is named, the service account."""
        loaded = await _configuration(kubeconfig, context)
        loaded.connection_pool_maxsize = 100
        return cls(client.ApiClient(loaded))

    @classmethod
    async def of(cls, kubeconfig: str, context: str | None) -> ClientTransport:
        """Read a person's kubeconfig; raises :class:`NoAccess` where it cannot be used."""
        try:
            return await cls.open(kubeconfig, context)
        except _UNREADABLE as error:
            raise NoAccess(str(error)) from error

    @property
    def server(self) -> str:
        """Return the API server's URL."""
        return str(self._client.configuration.host)

    async def close(self) -> None:
        """Close every connection."""
        await self._client.close()  # type: ignore[no-untyped-call]  # as above

    async def __call__(self, request: Request) -> Response:
        """Send a request and return the answer."""
        try:
            answer = await self._sent(request, _SECONDS)
            text = await answer.read()
        except _SILENCE as error:
            raise _unanswered(error) from error
        return Response(answer.status, _parsed(text), answer.headers.get("Retry-After"))

    async def lines(self, request: Request) -> AsyncIterator[str]:
        """Return the lines of an answer as they come, for as long as they do.

        Raises :class:`~tracedmodel_operator.errors.ApiError`.
        """
        try:
            patient = aiohttp.ClientTimeout(total=None, sock_connect=_SECONDS)
            answer = await self._sent(request, patient)
            if answer.status >= ERRORS:
                raise api_error(answer.status, _parsed(await answer.read()))
            try:
                async for line in answer.response.content:
                    yield line.decode(errors="replace").rstrip("\n")
            finally:
                answer.response.close()
        except _SILENCE as error:
            raise _unanswered(error) from error

    async def _sent(self, request: Request, timeout: float | aiohttp.ClientTimeout) -> Any:
        api = self._client
        headers = {"Content-Type": request.content_type, "Accept": JSON}
        method, url, headers, _, _ = await api.param_serialize(
            request.method,
            request.path,
            query_params=list(request.query.items()),
            header_params=headers,
            auth_settings=["BearerToken"],
        )
        return await api.call_api(method, url, headers, request.body, _request_timeout=timeout)


_SILENCE = (aiohttp.ClientError, asyncio.TimeoutError, OSError)


def _unanswered(error: BaseException) -> Unavailable:
    message = f"no answer from the API server: {str(error) or type(error).__name__}"
    return Unavailable(0, "NoAnswer", message)


def _parsed(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:
        return text.decode(errors="replace")
