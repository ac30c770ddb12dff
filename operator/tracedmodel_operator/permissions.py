"""What the operator may have to do, by kind and verb: the Role that it needs, and the check that it has it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tracedmodel_operator.errors import ApiError
from tracedmodel_operator.kinds import (
    AUTOSCALER,
    CONFIG_MAP,
    DEPLOYMENT,
    DISRUPTION_BUDGET,
    EVENT,
    JOB,
    POD,
    REVIEW,
    SCALED_OBJECT,
    SERVICE,
    TRACED_MODEL,
    Kind,
)
from tracedmodel_operator.kube import Kube

_READ = ("list", "watch")
_WRITE = ("get", "create", "patch")
Rule = tuple[Kind, str, tuple[str, ...]]
"""Kind, subresource and verbs."""
NEEDED: tuple[Rule, ...] = (
    (TRACED_MODEL, "", (*_READ, "get")),
    (TRACED_MODEL, "status", ("patch",)),
    # Some clusters let only those who may finalize an owner make children that block its deletion.
    (TRACED_MODEL, "finalizers", ("update",)),
    (JOB, "", (*_READ, *_WRITE, "delete")),
    (POD, "", (*_READ, "delete")),
    (DEPLOYMENT, "", (*_READ, *_WRITE)),
    (DEPLOYMENT, "scale", ("patch",)),
    (CONFIG_MAP, "", (*_READ, *_WRITE, "delete")),
    (SERVICE, "", (*_READ, *_WRITE)),
    (DISRUPTION_BUDGET, "", (*_READ, *_WRITE)),
    (EVENT, "", ("create", "patch")),
)
"""What is needed in every namespace that is watched, whatever scales there. The Lease has a Role of its own."""
NEEDED_BY_HPA: tuple[Rule, ...] = ((AUTOSCALER, "", (*_READ, *_WRITE, "delete")),)
NEEDED_BY_KEDA: tuple[Rule, ...] = (
    # KEDA makes them, and the operator looks at them; it deletes what it made itself before KEDA came.
    (AUTOSCALER, "", (*_READ, "delete")),
    (SCALED_OBJECT, "", (*_READ, *_WRITE, "delete")),
)


@dataclass(frozen=True)
class Permission:
    """One verb on one kind."""

    kind: Kind
    subresource: str
    verb: str

    def __str__(self) -> str:
        below = f"/{self.subresource}" if self.subresource else ""
        group = f".{self.kind.group}" if self.kind.group else ""
        return f"{self.verb} {self.kind.plural}{below}{group}"


def needed(*, keda: bool = False) -> Iterator[Permission]:
    """Return every permission that the operator needs, with KEDA as its engine or without."""
    for kind, subresource, verbs in (*NEEDED, *(NEEDED_BY_KEDA if keda else NEEDED_BY_HPA)):
        for verb in verbs:
            yield Permission(kind, subresource, verb)


async def lacking(kube: Kube, namespaces: Sequence[str | None], *, keda: bool = False) -> list[str]:
    """Return the permissions that the API server would not grant, in words."""
    found = []
    for namespace in namespaces:
        for permission in needed(keda=keda):
            if not await _granted(kube, permission, namespace):
                where = f" in {namespace}" if namespace else ""
                found.append(f"{permission}{where}")
    return found


async def _granted(kube: Kube, permission: Permission, namespace: str | None) -> bool:
    """Ask the API server; one that does not answer such questions grants what it then refuses."""
    attributes = {
        "group": permission.kind.group,
        "resource": permission.kind.plural,
        "subresource": permission.subresource,
        "verb": permission.verb,
        "namespace": namespace or "",
    }
    review = {
        "apiVersion": REVIEW.api_version,
        "kind": REVIEW.name,
        "metadata": {},
        "spec": {"resourceAttributes": attributes},
    }
    try:
        answer = await kube.create(REVIEW, review)
    except ApiError:
        return True
    return bool((answer.get("status") or {}).get("allowed", True))
