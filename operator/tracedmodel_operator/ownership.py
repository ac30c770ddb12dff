"""Whose an object is, and how fields that a create set become the operator's to take away again."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from tracedmodel_api.types import KIND, TracedModel
from tracedmodel_operator.kinds import POD, SCALED_OBJECT
from tracedmodel_operator.names import MANAGED_BY, MANAGER, MODEL
from tracedmodel_operator.project import is_created_by_us

Object = Mapping[str, Any]


class Owner(Enum):
    """Whose a child is."""

    THIS = "this resource's"
    NOBODY = "nobody's, and made for a resource of this name: left behind by an orphaning deletion"
    PREDECESSOR = "a deleted resource's of the same name: about to be collected"
    STRANGER = "someone else's"


def owner_of(child: Object, resource: TracedModel) -> Owner:
    """Tell whose a child is, by its controller and its labels."""
    metadata = child["metadata"]
    references = metadata.get("ownerReferences") or ()
    controller = next((reference for reference in references if reference.get("controller")), None)
    if controller is None:
        return Owner.NOBODY if _is_labelled(metadata, resource) else Owner.STRANGER
    if controller.get("uid") == resource.metadata.uid:
        return Owner.THIS
    same_name = controller.get("name") == resource.metadata.name
    return Owner.PREDECESSOR if controller["kind"] == KIND and same_name else Owner.STRANGER


def _is_labelled(metadata: Object, resource: TracedModel) -> bool:
    labels = metadata.get("labels") or {}
    return labels.get(MANAGED_BY) == MANAGER and labels.get(MODEL) == resource.metadata.name


def belongs(child: Object, resource: TracedModel) -> bool:
    """Tell whether a child has to be known to plan for a resource."""
    # Pods belong to a Job or a ReplicaSet; which Job's they are is told by its uid.
    if child["kind"] == POD.name or is_made_by_keda(child, resource):
        return True
    return owner_of(child, resource) in (Owner.THIS, Owner.NOBODY)


def is_made_by_keda(child: Object, resource: TracedModel) -> bool:
    """Tell whether a child is what KEDA makes of the resource's ScaledObject, whose labels it copies."""
    metadata = child["metadata"]
    references = metadata.get("ownerReferences") or ()
    owner = (SCALED_OBJECT.name, resource.metadata.name)
    owned = any((r["kind"], r.get("name")) == owner for r in references)
    return owned and _is_labelled(metadata, resource)


def needs_handover(live: Object) -> bool:
    """Tell whether fields of an object are the operator's by a create alone.

    Server-side apply takes away what the same manager applied before and leaves out now, but not what it created
    or updated: such fields would stay for ever.
    """
    return any(is_created_by_us(entry) for entry in live["metadata"].get("managedFields") or ())


def handover(live: Object) -> list[dict[str, Any]]:
    """Return the JSON patch that makes what the operator created count as applied, as client-go's csaupgrade does.

    It fails with a Conflict if the object was changed after ``live`` was read.
    """
    metadata = live["metadata"]
    fields = [
        {**entry, "operation": "Apply"} if is_created_by_us(entry) else entry
        for entry in metadata.get("managedFields") or ()
    ]
    return [
        {"op": "replace", "path": "/metadata/managedFields", "value": fields},
        {
            "op": "replace",
            "path": "/metadata/resourceVersion",
            "value": metadata["resourceVersion"],
        },
    ]
