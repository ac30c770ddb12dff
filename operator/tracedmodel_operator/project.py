"""What the operator keeps in memory of an object: the parts that anything in it reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tracedmodel_api.types import GROUP
from tracedmodel_operator.names import MANAGER

Object = Mapping[str, Any]
Document = dict[str, Any]

_METADATA = (
    "name",
    "namespace",
    "uid",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "labels",
    "ownerReferences",
)
_VERSION = ("resourceVersion",)
_JOB_STATUS = ("conditions", "succeeded", "failed", "active")
_DEPLOYMENT_STATUS = (
    "observedGeneration",
    "replicas",
    "updatedReplicas",
    "readyReplicas",
    "availableReplicas",
)
_CONDITION = ("type", "status", "reason", "message", "lastTransitionTime")
_VERDICT = ("type", "status", "reason", "message")
_ENDED = ("exitCode", "reason", "message")


def project(item: Object) -> Document:
    """Return the parts of an object that the operator reads."""
    kind = item["kind"]
    parts = _PARTS.get(kind, _as_specified)(item)
    return {"kind": kind, "metadata": _metadata(item["metadata"]), **parts}


def _some(source: Object, names: tuple[str, ...]) -> Document:
    return {name: source[name] for name in names if source.get(name) is not None}


def _metadata(metadata: Object) -> Document:
    kept = _some(metadata, _METADATA)
    annotations = metadata.get("annotations") or {}
    ours = {name: text for name, text in annotations.items() if name.startswith(f"{GROUP}/")}
    if ours:
        kept["annotations"] = ours
    # What a create gave the operator is not taken away by a later apply: see ownership.py.
    if any(is_created_by_us(entry) for entry in metadata.get("managedFields") or ()):
        kept["managedFields"] = [{"manager": MANAGER, "operation": "Update"}]
    return kept


def is_created_by_us(entry: Object) -> bool:
    """Tell whether an entry of managedFields is what the operator set when it created the object."""
    ours = entry.get("manager") == MANAGER and entry.get("operation") == "Update"
    return ours and not entry.get("subresource")


def _resource(item: Object) -> Document:
    # The one kind whose version is used: to write no status that was made of an older spec, or for a predecessor.
    version = {"metadata": {**_metadata(item["metadata"]), **_some(item["metadata"], _VERSION)}}
    return {"apiVersion": item["apiVersion"], **version, **_some(item, ("spec", "status"))}


def _job(item: Object) -> Document:
    status = _some(item.get("status") or {}, _JOB_STATUS)
    spec = _some(item.get("spec") or {}, ("ttlSecondsAfterFinished",))
    return {"spec": spec, "status": _conditions(status)}


def _deployment(item: Object) -> Document:
    source = item.get("status") or {}
    status = _some(source, (*_DEPLOYMENT_STATUS, "conditions"))
    return {"spec": item["spec"], "status": _conditions(status)}


def _autoscaler(item: Object) -> Document:
    # Its other conditions, counts and metrics change every few seconds.
    conditions = (item.get("status") or {}).get("conditions") or ()
    telling = [_some(c, _VERDICT) for c in conditions if c["type"] in ("ScalingActive", "Ready")]
    return {"spec": item["spec"], "status": {"conditions": telling}}


def _conditions(status: Document) -> Document:
    """Return a status with the telling parts of its conditions, without the times of mere heartbeats."""
    if "conditions" not in status:
        return status
    return {**status, "conditions": [_some(c, _CONDITION) for c in status["conditions"]]}


def _pod(item: Object) -> Document:
    spec, status = item.get("spec") or {}, item.get("status") or {}
    containers = [
        {"resources": {"limits": ((c.get("resources") or {}).get("limits") or {})}}
        for c in (spec.get("containers") or [])[:1]
    ]
    telling = ("Ready", "PodScheduled")
    conditions = [c for c in status.get("conditions") or () if c["type"] in telling]
    kept = _some(status, ("phase", "reason", "message", "podIP"))
    kept["conditions"] = [_some(c, _VERDICT) for c in conditions]
    kept["containerStatuses"] = [
        _container_status(container) for container in status.get("containerStatuses") or ()
    ]
    return {"spec": {**_some(spec, ("nodeName",)), "containers": containers}, "status": kept}


def _container_status(container: Object) -> Document:
    return {
        **_some(container, ("restartCount", "image")),
        "state": _state(container.get("state") or {}),
        "lastState": _state(container.get("lastState") or {}),
    }


def _state(state: Object) -> Document:
    kept: Document = {}
    if state.get("terminated"):
        kept["terminated"] = _some(state["terminated"], _ENDED)
    if state.get("waiting"):
        kept["waiting"] = _some(state["waiting"], ("reason", "message"))
    if state.get("running") is not None:
        kept["running"] = {}
    return kept


def _as_specified(item: Object) -> Document:
    return _some(item, ("spec", "data", "immutable"))


_PARTS: dict[str, Callable[[Object], Document]] = {
    "TracedModel": _resource,
    "Job": _job,
    "Deployment": _deployment,
    "Pod": _pod,
    "HorizontalPodAutoscaler": _autoscaler,
    "ScaledObject": _autoscaler,
}
