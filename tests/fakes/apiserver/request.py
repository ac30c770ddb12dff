"""What a request asks for: the object or list that its path names, and the options in its query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apiserver.failures import bad_request, invalid, no_such_path, not_allowed
from apiserver.registry import BY_PLURAL, NAMESPACE, Resource
from apiserver.store import key_of
from tracedmodel_operator.kube import Request

ANONYMOUS = "unknown"


@dataclass(frozen=True)
class Target:
    """An object, or all of a namespace or of the cluster where there is no name."""

    resource: Resource
    namespace: str | None
    name: str
    subresource: str = ""

    @property
    def key(self) -> str:
        """Return the key of the object in its table."""
        return key_of(self.namespace, self.name)


@dataclass(frozen=True)
class Options:
    """How a write is meant."""

    manager: str
    force: bool
    dry_run: bool
    strict: bool

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Options:
        """Read the options of a query."""
        dry_run = query.get("dryRun", "")
        if dry_run not in ("", "All"):
            raise bad_request(f'invalid dryRun "{dry_run}"')
        return cls(
            query.get("fieldManager") or ANONYMOUS,
            query.get("force") == "true",
            dry_run == "All",
            query.get("fieldValidation") == "Strict",
        )


def group_of(path: str) -> str:
    """Return the API group that a path is in."""
    parts = path.split("/", 3)
    return parts[2] if len(parts) > 2 and parts[1] == "apis" else ""


def target_of(request: Request) -> Target:
    """Return what a path names; raises the answer to a path that leads nowhere."""
    parts = request.path.strip("/").split("/")
    if parts[0] == "api" and len(parts) > 2:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        raise no_such_path()
    namespace = None
    if rest[0] == "namespaces" and len(rest) > 2 and (group, version, rest[2]) in BY_PLURAL:
        namespace, rest = rest[1], rest[2:]
    resource = BY_PLURAL.get((group, version, rest[0]))
    if resource is None or len(rest) > 3 or (namespace and not resource.namespaced):
        raise no_such_path()
    name, subresource = (*rest[1:], "", "")[:2]
    if subresource and subresource not in resource.subresources:
        raise no_such_path()
    if name and resource.namespaced and namespace is None:
        raise no_such_path()
    if name and request.method == "POST":
        raise not_allowed()
    return Target(resource, namespace, name, subresource)


def received(target: Target, body: Any) -> dict[str, Any]:
    """Return the object in a body, named and placed as the path says; raises the answer if they differ."""
    kind = target.resource.kind
    if not isinstance(body, dict) or not isinstance(body.get("metadata", {}), dict | None):
        raise bad_request("the object provided is unrecognized")
    _same_type(target, body)
    metadata = dict(body.get("metadata") or {})
    name, namespace = metadata.get("name"), metadata.get("namespace")
    if name is not None and not isinstance(name, str):
        raise bad_request(
            f'{kind.name} in version "{kind.version}" cannot be handled as a {kind.name}'
        )
    if target.name and name and name != target.name:
        raise bad_request(
            f"the name of the object ({name}) does not match the name on the URL ({target.name})"
        )
    if namespace and namespace != target.namespace and target.resource.namespaced:
        raise bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    named = name or target.name
    metadata |= {"name": named} if named else {}
    metadata |= {"namespace": target.namespace} if target.resource.namespaced else {}
    return {**body, "apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata}


def _same_type(target: Target, body: dict[str, Any]) -> None:
    resource, kind = target.resource, target.resource.kind
    version, name = body.get("apiVersion"), body.get("kind")
    if resource.custom and version != kind.api_version:
        raise bad_request(
            f"the API version in the data ({version or ''}) does not match "
            f"the expected API version ({kind.api_version})"
        )
    if resource.custom and name != kind.name:
        problem = ("kind", f'Invalid value: "{name}": must be {kind.name}')
        raise invalid(resource, str((body.get("metadata") or {}).get("name")), problem)
    # Built-in kinds may leave both out.
    if (version or kind.api_version) != kind.api_version or (name or kind.name) != kind.name:
        raise bad_request(
            f'{name} in version "{version}" cannot be handled as a {kind.name}: unknown conversion'
        )


def namespace_target(name: str) -> Target:
    """Return a namespace itself."""
    return Target(BY_PLURAL["", "v1", NAMESPACE.plural], None, name)
