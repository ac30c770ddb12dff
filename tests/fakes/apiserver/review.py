"""Answers to whoever asks what he may do."""

from __future__ import annotations

from typing import Any

from apiserver.access import Access
from apiserver.registry import RESOURCES
from apiserver.request import Target
from tracedmodel_operator.kinds import REVIEW

Object = dict[str, Any]
PATH = REVIEW.path(None)
_BY_NAME = {(resource.kind.group, resource.kind.plural): resource for resource in RESOURCES}


def review(access: Access | None, document: Object) -> Object:
    """Return a SelfSubjectAccessReview with its answer; whoever has no ``access`` to check may do everything."""
    asked = document["spec"]["resourceAttributes"]
    resource = _BY_NAME.get((asked.get("group", ""), asked["resource"]))
    allowed = access is None or not access.grants
    if access is not None and resource is not None:
        place = (asked.get("namespace") or None, asked.get("name", ""))
        target = Target(resource, *place, asked.get("subresource", ""))
        allowed = access.allows(target, asked["verb"])
    named = {"apiVersion": REVIEW.api_version, "kind": REVIEW.name}
    return {**document, **named, "status": {"allowed": allowed}}
