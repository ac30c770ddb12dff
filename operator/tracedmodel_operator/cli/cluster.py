"""The commands' reads of a cluster, and the one write."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timezone
from typing import Any

from tracedmodel_api.types import REQUESTED_AT
from tracedmodel_operator.cli.engine import Sight
from tracedmodel_operator.cli.errors import CommandError, no_definition, no_such, sentence
from tracedmodel_operator.cli.snapshot import Snapshot
from tracedmodel_operator.errors import ApiError, NotFound, Refused
from tracedmodel_operator.kinds import (
    AUTOSCALER,
    CHILDREN,
    POD,
    REPLICA_SET,
    SCALED_OBJECT,
    TRACED_MODEL,
    Kind,
)
from tracedmodel_operator.kube import ClientTransport, Kube, Request
from tracedmodel_operator.names import COMPONENT, MODEL

Object = Mapping[str, Any]


class Cluster:
    """A namespace of a cluster, as a person sees it. Raises :class:`ApiError` and :class:`CommandError`."""

    def __init__(self, transport: ClientTransport, namespace: str) -> None:
        self._transport = transport
        self._kube = Kube(transport)
        self.namespace = namespace

    @property
    def server(self) -> str:
        """Return the API server's URL."""
        return self._transport.server

    def within(self, namespace: str) -> Cluster:
        """Return another namespace of the same cluster."""
        return Cluster(self._transport, namespace)

    async def resources(self, *, everywhere: bool = False) -> list[Object]:
        """Return the TracedModels of the namespace, or of all."""
        try:
            return await self._list(TRACED_MODEL, None if everywhere else self.namespace)
        except NotFound:
            raise no_definition(self.server) from None

    async def resource(self, name: str) -> Object:
        """Return a TracedModel; raises what may be meant instead if there is none."""
        found = await self.find(name)
        if found is None:
            here = [item["metadata"]["name"] for item in await self.resources()]
            raise no_such(name, self.namespace, here, await self._elsewhere(name))
        return found

    async def find(self, name: str) -> Object | None:
        """Return a TracedModel, None if there is none."""
        try:
            return await self._kube.get(TRACED_MODEL, self.namespace, name)
        except NotFound:
            return None

    async def _elsewhere(self, name: str) -> list[str]:
        try:
            items = await self.resources(everywhere=True)
        except Refused:
            return []
        return [i["metadata"]["namespace"] for i in items if i["metadata"]["name"] == name]

    async def snapshot(self, item: Object) -> Snapshot:
        """Return a resource with all that belongs to it; what may not be read is named instead."""
        name = item["metadata"]["name"]
        kinds = (*CHILDREN, REPLICA_SET)
        (scaled, sight), found = await asyncio.gather(
            self._scaled_objects(),
            asyncio.gather(*(self._readable(kind, name) for kind in kinds)),
        )
        objects = [*scaled, *(child for children, _ in found for child in children)]
        unread = tuple(told for told in (*(told for _, told in found), sight.unread) if told)
        sight = Sight.of(objects, knows_keda=sight.knows_keda, unread=sight.unread)
        return Snapshot.of(item, objects, datetime.now(timezone.utc), unread, sight)

    async def _readable(self, kind: Kind, name: str) -> tuple[list[Object], str]:
        selector = "" if kind is AUTOSCALER else f"{MODEL}={name}"
        try:
            return await self._list(kind, self.namespace, selector), ""
        except (Refused, NotFound) as error:
            return [], self._unread(kind, error)

    def _unread(self, kind: Kind, error: ApiError) -> str:
        return f"{kind.plural}: {sentence(error, self.server)}"

    async def _scaled_objects(self) -> tuple[list[Object], Sight]:
        """Return the namespace's ScaledObjects; most clusters know no such kind, and that is no fault."""
        try:
            return await self._list(SCALED_OBJECT, self.namespace), Sight()
        except NotFound:
            return [], Sight(knows_keda=False)
        except Refused as error:
            # Who may not read a kind is refused before anybody looks whether there is one.
            known = await self._may_know(SCALED_OBJECT)
            told = self._unread(SCALED_OBJECT, error) if known else ""
            return [], Sight(knows_keda=known, unread=told)

    async def _may_know(self, kind: Kind) -> bool:
        try:
            return await self._kube.knows(kind)
        except Refused:
            return True

    async def pods(self, name: str, components: tuple[str, ...]) -> list[Object]:
        """Return the pods of a resource's exports or servers."""
        selector = f"{MODEL}={name},{COMPONENT} in ({','.join(components)})"
        return await self._list(POD, self.namespace, selector)

    async def _list(self, kind: Kind, namespace: str | None, selector: str = "") -> list[Object]:
        return [*await self._kube.all(kind, namespace, selector)]

    async def log(self, pod: str, **query: str) -> AsyncIterator[str]:
        """Return the lines of a pod's log."""
        path = POD.path(self.namespace, pod, "log")
        async for line in self._transport.lines(Request("GET", path, query)):
            yield line

    async def metrics(self, pod: str, port: int) -> str:
        """Return a server's metrics, by way of the API server; nothing where they are not to be had."""
        path = f"{POD.path(self.namespace, f'{pod}:{port}', 'proxy')}/metrics"
        try:
            return "\n".join([line async for line in self._transport.lines(Request("GET", path))])
        except ApiError:
            return ""

    async def request_again(self, name: str, value: str) -> Object:
        """Ask for a new export or a retry."""
        patch = {"metadata": {"annotations": {REQUESTED_AT: value}}}
        return await self._kube.merge(TRACED_MODEL, self.namespace, name, patch)

    async def rehearse(self, item: Object, manager: str, patch: Object | None) -> Object:
        """Return what applying a manifest would store; raises the API server's objection."""
        try:
            return await self._kube.rehearse(TRACED_MODEL, item, manager, patch)
        except NotFound as error:
            raise CommandError(f"{error}; is there a namespace {self.namespace}?") from None
