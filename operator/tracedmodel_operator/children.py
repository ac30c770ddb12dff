"""Writing children: created where they are missing, applied where they are ours, left alone where they are not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracedmodel_api import conditions as c
from tracedmodel_api.canonical import fingerprint as digest_of
from tracedmodel_api.types import KIND, TracedModel
from tracedmodel_operator.cache import Cache, Key
from tracedmodel_operator.drift import drifted
from tracedmodel_operator.errors import AlreadyExists, Conflict, NotFound, Refused
from tracedmodel_operator.kinds import BY_NAME, DEPLOYMENT, JOB, TRACED_MODEL
from tracedmodel_operator.kube import Kube
from tracedmodel_operator.names import ChildKey
from tracedmodel_operator.observe import Refusal
from tracedmodel_operator.ownership import Owner, handover, needs_handover, owner_of
from tracedmodel_operator.project import project

Object = Mapping[str, Any]


class Children:
    """The children of all resources, as they are written. Answers go into the cache at once."""

    def __init__(self, kube: Kube, cache: Cache) -> None:
        self._kube = kube
        self._cache = cache
        self._rewritten: dict[tuple[Key, ChildKey], tuple[str, str]] = {}

    def forget(self, key: Key) -> None:
        """Forget a resource that is gone."""
        self._rewritten = {
            place: seen for place, seen in self._rewritten.items() if place[0] != key
        }

    async def create(self, resource: TracedModel, child: Object) -> Refusal | None:
        """Create a child, or take over what an earlier life of the operator created or left behind."""
        kind = BY_NAME[child["kind"]]
        try:
            self._cache.put(_whole(child, await self._kube.create(kind, child)))
        except AlreadyExists:
            return await self._claim(resource, child)
        except Refused as error:
            return _refusal(child, c.CHILD_REFUSED, str(error))
        return None

    async def apply(self, resource: TracedModel, child: Object, live: Object) -> Refusal | None:
        """Apply a child that is there, unless that was done and something in the cluster rewrites it each time."""
        kind, place = BY_NAME[child["kind"]], _place(resource, child)
        wanted = digest_of(dict(child))
        if self._rewritten.get(place) == (wanted, _digest(live)):
            return None
        if owner_of(live, resource) is Owner.NOBODY:
            await self._check_adoption(resource)
        try:
            if needs_handover(live):
                await self._hand_over(child)
            metadata = {**child["metadata"], "uid": live["metadata"]["uid"]}
            answer = _whole(child, await self._kube.apply(kind, {**child, "metadata": metadata}))
        except Refused as error:
            return _refusal(child, c.CHILD_REFUSED, str(error))
        self._cache.put(answer)
        if drifted(child, answer):
            self._rewritten[place] = (wanted, _digest(project(answer)))
        else:
            self._rewritten.pop(place, None)
        return None

    async def delete(self, key: Key, child: ChildKey, live: Object | None) -> None:
        """Delete a child that is this very object."""
        uid = live["metadata"].get("uid") if live else None
        await self._kube.delete(BY_NAME[child[0]], key[0], child[1], uid)

    async def scale(self, key: Key, replicas: int) -> None:
        """Set the replicas of the Deployment."""
        patch = {"spec": {"replicas": replicas}}
        await self._kube.merge(DEPLOYMENT, *key, patch, "scale")

    async def expire(self, key: Key, job: str, seconds: int) -> None:
        """Let Kubernetes remove a finished Job after a while; one that is gone is gone."""
        patch = {"spec": {"ttlSecondsAfterFinished": seconds}}
        try:
            answer = await self._kube.merge(JOB, key[0], job, patch)
        except NotFound:
            return
        self._cache.put({**answer, "kind": JOB.name})

    async def _claim(self, resource: TracedModel, child: Object) -> Refusal | None:
        """Judge whose the object is that has a child's name."""
        kind, metadata = BY_NAME[child["kind"]], child["metadata"]
        live = _whole(child, await self._kube.get(kind, metadata["namespace"], metadata["name"]))
        owner = owner_of(live, resource)
        if owner is Owner.PREDECESSOR:
            raise Conflict(
                409, "BeingCollected", f"{kind.name} {metadata['name']} is {owner.value}"
            )
        if owner is Owner.STRANGER:
            message = (
                f"{kind.name} {metadata['name']} is {owner.value}; rename it or the TracedModel"
            )
            return _refusal(child, c.NAME_CONFLICT, message)
        self._cache.put(live)
        return await self.apply(resource, child, live) if drifted(child, live) else None

    async def _check_adoption(self, resource: TracedModel) -> None:
        """Raise Conflict for a resource that is being deleted, though no watch told of it yet.

        An orphaning deletion takes the references to their owner from children, and they must not get them back.
        """
        metadata = resource.metadata
        there = await self._kube.get(TRACED_MODEL, metadata.namespace, metadata.name)
        found = there["metadata"]
        if found["uid"] != metadata.uid or found.get("deletionTimestamp"):
            raise Conflict(409, "BeingDeleted", f"{KIND} {metadata.name} is being deleted")

    async def _hand_over(self, child: Object) -> None:
        kind, metadata = BY_NAME[child["kind"]], child["metadata"]
        live = await self._kube.get(kind, metadata["namespace"], metadata["name"])
        if needs_handover(live):
            name = (metadata["namespace"], metadata["name"])
            await self._kube.json_patch(kind, *name, list(handover(live)))


def _whole(child: Object, answer: Object) -> Object:
    """Return an answer that says what it is: some lists and fakes leave that out."""
    return {**answer, "apiVersion": child["apiVersion"], "kind": child["kind"]}


def _place(resource: TracedModel, child: Object) -> tuple[Key, ChildKey]:
    metadata = resource.metadata
    return (metadata.namespace, metadata.name), (child["kind"], child["metadata"]["name"])


def _digest(live: Object) -> str:
    return digest_of([live.get(part) for part in ("spec", "data")] + [live["metadata"]["labels"]])


def _refusal(child: Object, reason: str, message: str) -> Refusal:
    return Refusal((child["kind"], child["metadata"]["name"]), reason, message)
