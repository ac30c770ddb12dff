"""What the API server says of itself: versions, groups, and the resources of each."""

from __future__ import annotations

from typing import Any

from apiserver.registry import RESOURCES, Resource

Document = dict[str, Any]
_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
VERSION = {"major": "1", "minor": "36", "gitVersion": "v1.36.0", "platform": "linux/amd64"}


def discover(path: str) -> Document | None:
    """Return the document at a path of discovery, or None if it is none."""
    found: Document | None = None
    match path.strip("/").split("/"):
        case ["version"]:
            found = dict(VERSION)
        case ["api"]:
            found = {"kind": "APIVersions", "versions": ["v1"]}
        case ["apis"]:
            groups = [_group(name) for name in _groups() if name]
            found = {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
        case ["apis", group] if group in _groups():
            found = {"kind": "APIGroup", "apiVersion": "v1", **_group(group)}
        case ["api", version]:
            found = _resources("", version)
        case ["apis", group, version]:
            found = _resources(group, version)
    return found


def _groups() -> dict[str, str]:
    return {resource.kind.group: resource.kind.version for resource in RESOURCES}


def _group(name: str) -> Document:
    version = _groups()[name]
    served = {"groupVersion": f"{name}/{version}", "version": version}
    return {"name": name, "versions": [served], "preferredVersion": served}


def _resources(group: str, version: str) -> Document | None:
    found = [r for r in RESOURCES if (r.kind.group, r.kind.version) == (group, version)]
    if not found:
        return None
    listed = [entry for resource in found for entry in _entries(resource)]
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": found[0].kind.api_version,
        "resources": listed,
    }


def _entries(resource: Resource) -> list[Document]:
    kind = resource.kind
    entry: Document = {"name": kind.plural, "singularName": kind.name.lower(), "kind": kind.name}
    entry |= {"namespaced": resource.namespaced, "verbs": _VERBS}
    entry |= {"shortNames": list(resource.short_names)} if resource.short_names else {}
    below = [_subresource(resource, name) for name in resource.subresources]
    return [entry, *below]


def _subresource(resource: Resource, name: str) -> Document:
    entry: Document = {"name": f"{resource.kind.plural}/{name}", "singularName": ""}
    entry |= {"namespaced": resource.namespaced, "verbs": ["get", "patch", "update"]}
    if name == "scale":
        return entry | {"group": "autoscaling", "version": "v1", "kind": "Scale"}
    return entry | {"kind": resource.kind.name}
