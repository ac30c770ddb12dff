"""``config/``: the chart's objects for ``kubectl apply -k``, cluster-wide and for one namespace, with KEDA or without."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import yaml

from chart import NAMESPACE, Object, render

_HEADER = "# Generated from charts/tracedmodel-operator by `make generate`. Do not edit.\n"
_OF_HELM = {"app.kubernetes.io/managed-by": "Helm", "helm.sh/chart": None}
"""Labels of Helm's own objects, with the value that they have there; None: any."""
_ONE_NAMESPACE = {
    "namespaces": [NAMESPACE],
    "crds": {"install": False},
    "rbac": {"userRoles": False},
}
_KEDA = {"autoscaling": {"engine": "KEDA"}}
_Id = tuple[str, str]


class _Dumper(yaml.SafeDumper):
    """YAML without anchors, and with lists below their keys, as people write it."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  # the base's signature
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002  # likewise
        super().increase_indent(flow, indentless=False)


def manifests() -> dict[str, str]:
    """Return the generated files by their paths below ``config/``."""
    everywhere, here = (_by_id(render(values)) for values in ({}, _ONE_NAMESPACE))
    base = [item for key, item in everywhere.items() if key in here]
    variables, rules = _patches(everywhere, _by_id(render(_KEDA)))
    return {
        "default/namespace.yaml": _text([_namespace()]),
        "base/operator.yaml": _text(base),
        "default/roles.yaml": _text(_only(everywhere, here)),
        "namespaced/roles.yaml": _text(_only(here, everywhere)),
        "namespaced/patches.yaml": _text(_patches(everywhere, here)),
        "keda/variables.yaml": _text([variables]),
        "keda/rules.yaml": _text([rules]),
    }


def _by_id(objects: Sequence[Object]) -> dict[_Id, Object]:
    return {
        (item["kind"], item["metadata"]["name"]): _without_helm(item)
        for item in objects
        if item["kind"] != "CustomResourceDefinition"
    }


def _only(some: dict[_Id, Object], others: dict[_Id, Object]) -> list[Object]:
    return [item for key, item in some.items() if key not in others]


def _patches(before: dict[_Id, Object], after: dict[_Id, Object]) -> list[Any]:
    """Return patches from one rendering to another, as kustomize reads them; raises for what they were not made for."""
    changed = [key for key in before if key in after and before[key] != after[key]]
    return [_PATCHES[kind](before[kind, name], after[kind, name]) for kind, name in changed]


def _patched_variables(before: Object, after: Object) -> Object:
    (old,), (new,) = (item["spec"]["template"]["spec"]["containers"] for item in (before, after))
    variables = [one for one in new["env"] if one not in old["env"]]
    container = {"name": new["name"], "env": variables}
    return _patch(after, {"template": {"spec": {"containers": [container]}}})


def _patched_egress(_before: Object, after: Object) -> Object:
    return _patch(after, {"egress": after["spec"]["egress"]})


def _patched_rules(before: Object, after: Object) -> list[Object]:
    """Return a JSON patch: a strategic merge would put the changed rules in the place of all others."""
    old, new = before["rules"], after["rules"]
    changed = [n for n, (was, rule) in enumerate(zip(old, new, strict=False)) if was != rule]
    return [
        *({"op": "replace", "path": f"/rules/{n}", "value": new[n]} for n in changed),
        *({"op": "add", "path": "/rules/-", "value": rule} for rule in new[len(old) :]),
    ]


def _patch(item: Object, spec: Object) -> Object:
    named = {name: item["metadata"][name] for name in ("name", "namespace")}
    return {**{key: item[key] for key in ("apiVersion", "kind")}, "metadata": named, "spec": spec}


_PATCHES: dict[str, Callable[[Object, Object], Any]] = {
    "Deployment": _patched_variables,
    "NetworkPolicy": _patched_egress,
    "ClusterRole": _patched_rules,
}


def _namespace() -> Object:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    metadata = {"name": NAMESPACE, "labels": labels}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def _without_helm(value: Any) -> Any:
    """Return an object without the labels by which Helm knows its own."""
    if isinstance(value, dict):
        return {key: _without_helm(one) for key, one in value.items() if not _of_helm(key, one)}
    return [_without_helm(one) for one in value] if isinstance(value, list) else value


def _of_helm(label: str, value: Any) -> bool:
    return label in _OF_HELM and _OF_HELM[label] in (value, None)


def _text(documents: Sequence[Any]) -> str:
    return _HEADER + yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, width=10**6)
