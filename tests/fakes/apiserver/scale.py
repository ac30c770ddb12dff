"""The scale subresource: how many are wanted and how many there are, whatever the kind calls it."""

from __future__ import annotations

from typing import Any

import crd_judge
from apiserver.failures import Failure, bad_request
from apiserver.registry import Resource

Object = dict[str, Any]
_API_VERSION = "autoscaling/v1"


def _paths(resource: Resource) -> tuple[list[str], list[str]]:
    if not resource.custom:
        return ["spec", "replicas"], ["status", "replicas"]
    found = crd_judge.definition()["spec"]["versions"][0]["subresources"]["scale"]
    wanted, there = found["specReplicasPath"], found["statusReplicasPath"]
    return wanted.strip(".").split("."), there.strip(".").split(".")


def _value(document: Object, path: list[str], default: Any) -> Any:
    place: Any = document
    for step in path:
        place = place.get(step) if isinstance(place, dict) else None
    return default if place is None else place


def show(document: Object, resource: Resource) -> Object:
    """Return the Scale of an object."""
    wanted, there = _paths(resource)
    metadata = document["metadata"]
    shown = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    return {
        "kind": "Scale",
        "apiVersion": _API_VERSION,
        "metadata": {key: metadata[key] for key in shown},
        "spec": {"replicas": _value(document, wanted, 0)},
        "status": {"replicas": _value(document, there, 0), **_selector(document, resource)},
    }


def _selector(document: Object, resource: Resource) -> Object:
    if resource.custom:
        text = _value(document, ["status", "selector"], "")
    else:
        labels = _value(document, ["spec", "selector", "matchLabels"], {})
        text = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
    return {"selector": text} if text else {}


def replicas_in(scale: Any, name: str) -> int:
    """Return what a Scale asks for; raises the answer to one that makes no sense."""
    spec = scale.get("spec") if isinstance(scale, dict) else None
    count = (spec or {}).get("replicas", 0)
    if isinstance(count, bool) or not isinstance(count, int):
        raise bad_request('Scale in version "v1" cannot be handled as a Scale')
    if count < 0:
        why = f"spec.replicas: Invalid value: {count}: must be greater than or equal to 0"
        raise Failure(422, "Invalid", f'Scale.autoscaling "{name}" is invalid: {why}')
    return count


def part(count: int, resource: Resource) -> Object:
    """Return the part of an object that a Scale sets."""
    wanted, _ = _paths(resource)
    found: Any = count
    for step in reversed(wanted):
        found = {step: found}
    return dict(found)
