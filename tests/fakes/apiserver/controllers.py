"""Job and Deployment controllers, scheduler and kubelet, all in one, turn by turn."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from apiserver import jobs, kubelet, rollouts
from apiserver.autoscalers import Scalers, name_of
from apiserver.commit import stamp
from apiserver.outcomes import (
    Ends,
    JobOutcome,
    Late,
    Left,
    PodOutcome,
    Runs,
    ServerOutcome,
    Unschedulable,
    exports,
)
from apiserver.writes import MERGE_TYPE
from tracedmodel_operator.errors import AlreadyExists, NotFound, api_error
from tracedmodel_operator.kinds import (
    AUTOSCALER,
    DEPLOYMENT,
    JOB,
    POD,
    SCALED_OBJECT,
    Kind,
)
from tracedmodel_operator.kube import Request, Transport

Object = dict[str, Any]
_MANAGER = {"fieldManager": "kube-controller-manager"}
_MOST_TURNS = 50


def _utc_now() -> datetime:
    return datetime.now(timezone.utc)


class Controllers:
    """Plays what acts upon Jobs and Deployments. Each turn is one step: pods appear, then run or end, then are counted.

    ``jobs`` and ``servers`` say what becomes of the pods of a Job or a Deployment; they may be changed at any
    time. By default every export succeeds and every server is ready. ``scalers`` are all that scale by load.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        clock: Callable[[], datetime] = _utc_now,
        namespace: str | None = None,
    ) -> None:
        self.jobs: Callable[[Object], JobOutcome] = exports
        self.servers: Callable[[Object], ServerOutcome] = lambda _: Runs()
        self._transport = transport
        self._clock = clock
        self._namespace = namespace
        self.scalers = Scalers()
        self._made = 0
        self._changes = 0

    async def turn(self) -> int:
        """Act once on everything; return how much changed."""
        self._changes = 0
        pods: dict[str, list[Object]] = {}
        for pod in await self._list(POD):
            if "deletionTimestamp" in pod["metadata"]:
                await self._remove(pod)
                continue
            for owner in pod["metadata"].get("ownerReferences") or ():
                pods.setdefault(owner["uid"], []).append(pod)
        for job in await self._list(JOB):
            await self._play_job(job, pods.get(job["metadata"]["uid"], []))
        for deployment in await self._list(DEPLOYMENT):
            await self._play_deployment(deployment, pods.get(deployment["metadata"]["uid"], []))
        await self._play_scalers()
        return self._changes

    async def settle(self) -> int:
        """Act until nothing changes any more; return the number of turns that changed something."""
        for turns in range(_MOST_TURNS):
            if not await self.turn():
                return turns
        raise AssertionError(f"the controllers still act after {_MOST_TURNS} turns")

    async def _play_job(self, job: Object, pods: list[Object]) -> None:
        if (
            jobs.is_over(job)
            or "deletionTimestamp" in job["metadata"]
            or job["spec"].get("suspend")
        ):
            return
        outcome = self.jobs(job)
        if not pods:
            await self._start(job, scheduled=not isinstance(outcome, Unschedulable | Left))
        elif isinstance(outcome, Late):
            for pod in pods:
                await self._remove(pod)
            await self._status(JOB, job, jobs.over(job, [], self._now(), jobs.LATE))
        elif isinstance(outcome, Ends):
            given = [outcome.of(index) for index in range(len(pods))]
            for pod, end in zip(pods, given, strict=True):
                await self._pod_status(pod, end)
            await self._status(JOB, job, jobs.over(job, given, self._now()))
        else:
            for pod in pods:
                await self._pod_status(pod, outcome)

    async def _start(self, job: Object, *, scheduled: bool) -> None:
        spec = job["spec"]
        count = spec["completions"] if jobs.is_indexed(job) else spec["parallelism"]
        for index in range(count):
            key = "batch.kubernetes.io/job-completion-index"
            labels = {key: str(index)} if jobs.is_indexed(job) else {}
            name = f"{job['metadata']['name']}-{index}"
            pod = kubelet.pod_of(job, name, labels, scheduled=scheduled)
            if labels:
                pod["metadata"].setdefault("annotations", {}).update(labels)
            await self._create(pod)
        await self._status(JOB, job, jobs.active(job, count, self._now()))

    async def _play_deployment(self, deployment: Object, pods: list[Object]) -> None:
        if "deletionTimestamp" in deployment["metadata"]:
            return
        outcome = self.servers(deployment)
        late = isinstance(outcome, Late)
        state = outcome.pods if isinstance(outcome, Late) else outcome
        current = rollouts.template_hash(deployment)
        for pod in pods:
            if pod["metadata"]["labels"].get(rollouts.HASH) == current:
                await self._pod_status(pod, state)
        step = rollouts.next_step(deployment, pods)
        for pod in step.remove:
            await self._remove(pod)
        for _ in range(step.make):
            self._made += 1
            name = f"{deployment['metadata']['name']}-{current}-{self._made:05d}"
            scheduled = not isinstance(state, Unschedulable | Left)
            labels = {rollouts.HASH: current}
            await self._create(kubelet.pod_of(deployment, name, labels, scheduled=scheduled))
        left = [pod for pod in pods if pod not in step.remove]
        status = rollouts.status_of(deployment, left, self._now(), late=late)
        await self._status(DEPLOYMENT, deployment, status)

    async def _play_scalers(self) -> None:
        deployments = {name_of(item): item for item in await self._list(DEPLOYMENT)}
        autoscalers = {name_of(item): item for item in await self._list(AUTOSCALER)}
        for item in await self._list(SCALED_OBJECT, absent=[]):
            for request in self.scalers.keda(item, autoscalers, deployments):
                await self._send(request)
        for item in autoscalers.values():
            for request in self.scalers.hpa(item, deployments):
                await self._send(request)

    async def _pod_status(self, pod: Object, outcome: PodOutcome | Left) -> None:
        if isinstance(outcome, Left):
            return
        status = kubelet.status_of(pod, outcome, self._now())
        await self._status(POD, pod, status)
        pod["status"] = status

    async def _status(self, kind: Kind, item: Object, status: Object) -> None:
        """Set a status, unless it says the same but for times."""
        if _says(item.get("status") or {}, status):
            return
        metadata = item["metadata"]
        path = kind.path(metadata["namespace"], metadata["name"], "status")
        await self._send(Request("PATCH", path, _MANAGER, {"status": status}, MERGE_TYPE))

    async def _create(self, pod: Object) -> None:
        path = POD.path(pod["metadata"]["namespace"])
        await self._send(Request("POST", path, _MANAGER, pod))

    async def _remove(self, pod: Object) -> None:
        metadata = pod["metadata"]
        path = POD.path(metadata["namespace"], metadata["name"])
        body = {"gracePeriodSeconds": 0, "preconditions": {"uid": metadata["uid"]}}
        await self._send(Request("DELETE", path, {}, body))

    async def _send(self, request: Request) -> None:
        response = await self._transport(request)
        if response.status >= 400:
            error = api_error(response.status, response.body)
            # The object went away, or another pod has the name still: the next turn sees it.
            if not isinstance(error, NotFound | AlreadyExists):
                raise error
            return
        self._changes += 1

    async def _list(self, kind: Kind, absent: list[Object] | None = None) -> list[Object]:
        """Return the objects of a kind; ``absent`` where there is no such kind."""
        response = await self._transport(Request("GET", kind.path(self._namespace)))
        if response.status == 404 and absent is not None:
            return absent
        if response.status >= 400:
            raise api_error(response.status, response.body)
        named = {"apiVersion": kind.api_version, "kind": kind.name}
        return [{**named, **item} for item in response.body["items"]]

    def _now(self) -> str:
        return stamp(self._clock())


def _says(there: Any, wanted: Any) -> bool:
    """Return whether a status says already what is wanted, but for times; a server adds fields of its own."""
    if isinstance(wanted, dict) and isinstance(there, dict):
        told = {k: v for k, v in wanted.items() if not k.endswith(("Time", "edAt"))}
        return all(_says(there.get(key), part) for key, part in told.items())
    if isinstance(wanted, list) and isinstance(there, list):
        pairs = zip(there, wanted, strict=False)
        return len(there) == len(wanted) and all(_says(*pair) for pair in pairs)
    # Go leaves out what is empty, or fills it in.
    return bool(there == wanted or not (there or wanted))
