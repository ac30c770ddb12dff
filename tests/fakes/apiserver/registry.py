"""What the server stores: kinds, their subresources, and what their fields mean to an apply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import crd_judge
from tracedmodel_operator import kinds
from tracedmodel_operator.kinds import NAMESPACE, Kind

SECRET = Kind("Secret", "", "v1", "secrets")
DEFINITION = Kind(
    "CustomResourceDefinition", "apiextensions.k8s.io", "v1", "customresourcedefinitions"
)

# The keys of lists that are maps, by field name: no two kinds here differ, but for ports.
_LIST_KEYS: Mapping[str, tuple[str, ...]] = {
    "conditions": ("type",),
    "containers": ("name",),
    "env": ("name",),
    "hostAliases": ("ip",),
    "imagePullSecrets": ("name",),
    "initContainers": ("name",),
    "ownerReferences": ("uid",),
    "ports": ("containerPort", "protocol"),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "volumeMounts": ("mountPath",),
    "volumes": ("name",),
}
_SETS = frozenset({"finalizers"})
# Owned as a whole; with brackets, each item of a list.
_ATOMIC = frozenset(
    {
        "configMapKeyRef",
        "fieldRef",
        "involvedObject",
        "labelSelector",
        "nodeSelector",
        "ownerReferences[]",
        "requiredDuringSchedulingIgnoredDuringExecution",
        "resourceFieldRef",
        "secretKeyRef",
        "selector",
    }
)
_TEMPLATE = {"metadata": {}, "spec": {"containers": None}}


@dataclass(frozen=True)
class Resource:
    """A kind and how it behaves.

    ``versioned``: to replace an object one must say which version. ``blank`` is what an object has before anybody
    wrote a field.
    """

    kind: Kind
    namespaced: bool = True
    subresources: tuple[str, ...] = ()
    generation: bool = False
    custom: bool = False
    versioned: bool = False
    blank: Mapping[str, Any] = field(default_factory=dict)
    list_keys: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _LIST_KEYS)
    sets: frozenset[str] = _SETS
    atomic: frozenset[str] = _ATOMIC
    short_names: tuple[str, ...] = ()

    @property
    def qualified(self) -> str:
        """Return the plural with the group, as error messages name the resource."""
        kind = self.kind
        return f"{kind.plural}.{kind.group}" if kind.group else kind.plural

    @property
    def qualified_kind(self) -> str:
        """Return the kind with the group, as validation errors name it."""
        kind = self.kind
        return f"{kind.name}.{kind.group}" if kind.group else kind.name


def _keys_in(node: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the keys of the lists below a schema that are maps, by field name."""
    found: dict[str, tuple[str, ...]] = {}
    for name, below in node.get("properties", {}).items():
        keys = below.get("x-kubernetes-list-map-keys")
        found |= ({name: tuple(keys)} if keys else {}) | _keys_in(below.get("items", below))
    return found


def _custom() -> Resource:
    spec = crd_judge.definition()["spec"]
    return Resource(
        kinds.TRACED_MODEL,
        subresources=tuple(spec["versions"][0]["subresources"]),
        generation=True,
        custom=True,
        versioned=True,
        list_keys={"ownerReferences": ("uid",), **_keys_in(crd_judge.schema())},
        atomic=frozenset({"ownerReferences[]"}),
        short_names=tuple(spec["names"].get("shortNames", ())),
    )


def _builtin() -> tuple[Resource, ...]:
    status, both = ("status",), ("status", "scale")
    workload = {"spec": {"template": _TEMPLATE}}
    deployment = {"spec": {"template": _TEMPLATE, "strategy": {}}}
    service_keys = {**_LIST_KEYS, "ports": ("port", "protocol")}
    spec: dict[str, Any] = {"spec": {}}
    return (
        Resource(kinds.JOB, subresources=status, generation=True, blank=workload),
        Resource(
            kinds.POD,
            subresources=status,
            generation=True,
            blank={"spec": {"containers": None}},
            short_names=("po",),
        ),
        Resource(kinds.DEPLOYMENT, subresources=both, generation=True, blank=deployment),
        Resource(kinds.REPLICA_SET, subresources=both, generation=True, blank=workload),
        Resource(kinds.CONFIG_MAP, short_names=("cm",)),
        Resource(kinds.SERVICE, subresources=status, blank=spec, list_keys=service_keys),
        Resource(
            kinds.DISRUPTION_BUDGET,
            subresources=status,
            generation=True,
            versioned=True,
            blank=spec,
        ),
        Resource(kinds.AUTOSCALER, subresources=status, blank=spec),
        Resource(
            kinds.SCALED_OBJECT, subresources=status, generation=True, versioned=True, blank=spec
        ),
        Resource(kinds.LEASE, versioned=True, blank=spec),
        Resource(kinds.EVENT),
        Resource(SECRET),
        Resource(NAMESPACE, namespaced=False, subresources=status, blank=spec, short_names=("ns",)),
        Resource(DEFINITION, namespaced=False, subresources=status, generation=True, blank=spec),
    )


RESOURCES = (*_builtin(), _custom())
BY_PLURAL = {(r.kind.group, r.kind.version, r.kind.plural): r for r in RESOURCES}
BY_KIND = {resource.kind: resource for resource in RESOURCES}
GROUPS = frozenset(resource.kind.group for resource in RESOURCES)
