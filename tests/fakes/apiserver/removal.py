"""Deletion: preconditions, finalizers, propagation and the grace that pods have."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from apiserver.admission import DELETE
from apiserver.commit import Commits, stamp
from apiserver.failures import Failure, bad_request, not_found
from apiserver.registry import NAMESPACE, Resource
from apiserver.request import Target
from apiserver.store import Stored
from tracedmodel_operator.kinds import POD

Object = dict[str, Any]
FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"
_BY_POLICY = {"Background": None, "Foreground": FOREGROUND, "Orphan": ORPHAN}
_ENDED = ("Succeeded", "Failed")


class Removals:
    """Deletes objects, or marks them for it."""

    def __init__(self, commits: Commits) -> None:
        self._commits = commits
        self._database = commits.database

    def delete(self, target: Target, body: Any, query: Any) -> Object:
        """Delete an object and return what is left of it, or that it is gone."""
        resource = target.resource
        stored = self._database.find(resource.kind, target.key)
        if stored is None:
            raise not_found(resource, target.name)
        asked = {**query, **(body or {})}
        _check_preconditions(target, stored, asked.get("preconditions") or {})
        policy = asked.get("propagationPolicy", "Background")
        if policy not in _BY_POLICY:
            raise bad_request(f'invalid propagationPolicy "{policy}"')
        document = stored.load()
        self._commits.review(DELETE, target, document)
        if asked.get("dryRun") in ("All", ["All"]):
            return _success(target, stored)
        return self._mark(target, stored, document, policy, asked.get("gracePeriodSeconds"))

    def _mark(
        self, target: Target, stored: Stored, document: Object, policy: str, grace: Any
    ) -> Object:
        resource, metadata = target.resource, document["metadata"]
        kept = [name for name in stored.finalizers if name not in (FOREGROUND, ORPHAN)]
        added = _BY_POLICY[policy]
        finalizers = [*kept, added] if added else kept
        seconds = _grace(document, resource, grace)
        if not finalizers and not seconds and resource.kind != NAMESPACE:
            self._database.remove(resource.kind, target.key, document)
            return _success(target, stored)
        if stored.deleting and list(stored.finalizers) == finalizers:
            return document
        if not stored.deleting:
            moment = self._commits.clock() + timedelta(seconds=seconds)
            metadata |= {"deletionTimestamp": stamp(moment), "deletionGracePeriodSeconds": seconds}
            if resource.generation:
                metadata["generation"] += 1
            if resource.kind == NAMESPACE:
                document["status"] = {"phase": "Terminating"}
        metadata["finalizers"] = finalizers
        if not finalizers:
            del metadata["finalizers"]
        self._database.write(resource.kind, target.key, document)
        return document


def _check_preconditions(target: Target, stored: Stored, preconditions: Object) -> None:
    uid, version = preconditions.get("uid"), preconditions.get("resourceVersion")
    if uid and uid != stored.uid:
        why = (
            f"the UID in the precondition ({uid}) does not match the UID in record ({stored.uid}). "
            "The object might have been deleted and then recreated"
        )
        raise _precondition(target, why)
    if version and version != str(stored.version):
        why = (
            f"the ResourceVersion in the precondition ({version}) does not match the ResourceVersion "
            f"in record ({stored.version}). The object might have been modified"
        )
        raise _precondition(target, why)


def _precondition(target: Target, why: str) -> Failure:
    resource = target.resource
    message = f'Operation cannot be fulfilled on {resource.qualified_kind} "{target.name}": {why}'
    details = {"name": target.name, "kind": resource.kind.name}
    details |= {"group": resource.kind.group} if resource.kind.group else {}
    return Failure(409, "Conflict", message, details)


def _grace(document: Object, resource: Resource, asked: Any) -> int:
    """Return the seconds that a kubelet has to stop a pod; whatever runs nowhere needs none."""
    if resource.kind != POD or not document["spec"].get("nodeName"):
        return 0
    if document.get("status", {}).get("phase") in _ENDED:
        return 0
    return int(document["spec"]["terminationGracePeriodSeconds"] if asked is None else asked)


def _success(target: Target, stored: Stored) -> Object:
    kind = target.resource.kind
    details = {"name": target.name, "group": kind.group, "kind": kind.plural, "uid": stored.uid}
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {key: value for key, value in details.items() if value},
    }
