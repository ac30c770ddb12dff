"""Plays users, controllers and kubelet on an API server: makes resources, and marks Jobs and Deployments done at once."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timezone
from typing import Any

from apiserver import jobs, kubelet, rollouts
from apiserver.outcomes import Runs, exports
from resources import resource
from tracedmodel_operator.errors import AlreadyExists
from tracedmodel_operator.kinds import DEPLOYMENT, JOB, POD, TRACED_MODEL, Kind
from tracedmodel_operator.kube import ClientTransport, Kube, Request
from tracedmodel_operator.moments import spell
from tracedmodel_operator.names import MANAGED_BY, MANAGER

Object = dict[str, Any]
NAMESPACE = "bench"
_MERGE = "application/merge-patch+json"
_AT_ONCE = 32


class Player:
    """One connection pool; counts what it sees of Jobs and of resources that are Ready."""

    def __init__(self, transport: ClientTransport) -> None:
        self.transport = transport
        self.kube = Kube(self.transport)
        self.jobs: dict[str, float] = {}
        """When the first Job of each resource was seen."""
        self.ready: dict[str, float] = {}
        """When each resource was first seen Ready."""
        self._pods: dict[str, set[str]] = {}
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin to watch and to play."""
        for kind, hear in (
            (TRACED_MODEL, self._hear_model),
            (JOB, self._hear_job),
            (DEPLOYMENT, self._hear_deployment),
        ):
            self._spawn(self._follow(kind, hear))

    async def stop(self) -> None:
        """End everything."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.transport.close()

    async def apply(self, name: str) -> None:
        """Create a TracedModel with two replicas."""
        made = resource({"serving": {"replicas": 2}}, name=name, namespace=NAMESPACE)
        document = made.model_dump(mode="json", by_alias=True, exclude_none=True)
        document.pop("status")
        for field in ("uid", "generation"):
            document["metadata"].pop(field, None)
        await self.kube.create(TRACED_MODEL, document)

    async def apply_all(self, names: list[str]) -> None:
        """Create many, so many at a time as a user's client does."""
        room = asyncio.Semaphore(_AT_ONCE)

        async def apply(name: str) -> None:
            async with room:
                await self.apply(name)

        await asyncio.gather(*map(apply, names))

    async def until(self, seen: dict[str, float], names: list[str]) -> float:
        """Return the moment at which the last of some names was seen."""
        while not all(name in seen for name in names):  # noqa: ASYNC110  # a measurement, not a protocol
            await asyncio.sleep(0.01)
        return max(seen[name] for name in names)

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _follow(self, kind: Kind, hear: Callable[[Object], None]) -> None:
        selector = "" if kind is TRACED_MODEL else f"{MANAGED_BY}={MANAGER}"
        async for item in self._watch(kind, selector):
            hear(item)

    async def _watch(self, kind: Kind, selector: str) -> AsyncIterator[Object]:
        query = {"watch": "1", "labelSelector": selector}
        client = self.transport._client  # noqa: SLF001  # no other way to stream
        _, url, headers, _, _ = await client.param_serialize(
            "GET",
            kind.path(None),
            query_params=list(query.items()),
            header_params={},
            auth_settings=["BearerToken"],
        )
        while True:
            answer = await client.call_api("GET", url, headers, _request_timeout=100_000)
            async for line in answer.response.content:
                event = json.loads(line)
                if event["type"] in ("ADDED", "MODIFIED"):
                    yield event["object"]

    def _hear_model(self, item: Object) -> None:
        for condition in (item.get("status") or {}).get("conditions") or ():
            if condition["type"] == "Ready" and condition["status"] == "True":
                self.ready.setdefault(item["metadata"]["name"], time.perf_counter())

    def _hear_job(self, item: Object) -> None:
        name = item["metadata"]["ownerReferences"][0]["name"]
        self.jobs.setdefault(name, time.perf_counter())
        if not item.get("status", {}).get("conditions"):
            self._spawn(self._end_job(item))

    def _hear_deployment(self, item: Object) -> None:
        if item.get("status", {}).get("observedGeneration") != item["metadata"]["generation"]:
            self._spawn(self._settle_deployment(item))

    async def _end_job(self, job: Object) -> None:
        async with self._room:
            end = exports(job).of(0)
            pod = kubelet.pod_of(
                _named(job, JOB), f"{job['metadata']['name']}-0", {}, scheduled=True
            )
            try:
                made = await self.kube.create(POD, pod)
            except AlreadyExists:
                return
            await self._status(POD, made, kubelet.status_of(made, end, _now()))
            await self._status(JOB, job, jobs.over(job, [end], _now()))

    async def _settle_deployment(self, deployment: Object) -> None:
        name = deployment["metadata"]["name"]
        async with self._room:
            current = rollouts.template_hash(deployment)
            pods = []
            for number in range(deployment["spec"]["replicas"]):
                pod = kubelet.pod_of(
                    _named(deployment, DEPLOYMENT),
                    f"{name}-{current}-{number}",
                    {rollouts.HASH: current},
                    scheduled=True,
                )
                pod["status"] = await self._run(pod)
                pods.append(pod)
            status = rollouts.status_of(deployment, pods, _now(), late=False)
            await self._status(DEPLOYMENT, deployment, status)

    async def _run(self, pod: Object) -> Object:
        status: Object = kubelet.status_of(pod, Runs(), _now())
        try:
            made = await self.kube.create(POD, pod)
        except AlreadyExists:
            return status
        await self._status(POD, made, status)
        return status

    async def _status(self, kind: Kind, item: Object, status: Object) -> None:
        metadata = item["metadata"]
        path = kind.path(metadata["namespace"], metadata["name"], "status")
        answer = await self.transport(Request("PATCH", path, {}, {"status": status}, _MERGE))
        if answer.status not in (200, 404, 409):
            raise RuntimeError(f"{kind.name} {metadata['name']}: {answer.body}")


def _named(item: Object, kind: Kind) -> Object:
    return {**item, "apiVersion": kind.api_version, "kind": kind.name}


def _now() -> str:
    return spell(datetime.now(timezone.utc))
