"""The admission plugin OwnerReferencesPermissionEnforcement, which some distributions have on. JSON patches pass it."""

from __future__ import annotations

from typing import Any

from apiserver.access import Access
from apiserver.failures import forbidden
from apiserver.registry import BY_KIND
from apiserver.request import Target


def check_owners(access: Access, target: Target, body: Any, there: Any | None) -> None:
    """Raise the answer to whoever gives an object, new or ``there``, an owner without the right to.

    He has to have the right to delete what he did not make, and to finalize an owner whose deletion it is to block.
    """
    known = _owners(there)
    given = [reference for reference in _owners(body) if reference not in known]
    if given and there and not access.try_to(target, "delete"):
        raise _refusal(target, body, "cannot set an ownerRef on a resource you can't delete: ")
    for reference in given:
        owner = _owner(reference, target.namespace)
        if reference.get("blockOwnerDeletion") and not access.try_to(owner, "update"):
            why = (
                "cannot set blockOwnerDeletion if an ownerReference refers to a resource "
                f"you can't set finalizers on: {owner.resource.qualified} {owner.name}"
            )
            raise _refusal(target, body, why)


def _owners(document: Any) -> list[Any]:
    metadata = document.get("metadata") if isinstance(document, dict) else None
    return (metadata or {}).get("ownerReferences") or []


def _owner(reference: Any, namespace: str | None) -> Target:
    named = (reference["apiVersion"], reference["kind"])
    resource = next(r for kind, r in BY_KIND.items() if (kind.api_version, kind.name) == named)
    return Target(resource, namespace, reference["name"], "finalizers")


def _refusal(target: Target, body: Any, why: str) -> Exception:
    return forbidden(target.resource, target.name or body["metadata"].get("name", ""), why)
