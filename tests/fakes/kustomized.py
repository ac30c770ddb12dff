"""What kustomize makes of the few things that the examples use: resources, a namespace, and patches by path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from apiserver.patch import merge_patch

Object = dict[str, Any]
_HEAD = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
_KNOWN = {"apiVersion", "kind", "namespace", "resources", "patches"}


def kustomized(folder: Path) -> list[Object]:
    """Return the objects of a kustomization. Patches of custom resources are merge patches: lists are replaced."""
    told = _read(folder / "kustomization.yaml")
    assert told.items() >= _HEAD.items()
    assert told.keys() <= _KNOWN
    items = [item for name in told["resources"] for item in _resources(folder / name)]
    for entry in told.get("patches", ()):
        patch = _read(folder / entry["path"])
        (position,) = [i for i, item in enumerate(items) if _identity(item) == _identity(patch)]
        items[position] = merge_patch(items[position], patch)
    for item in items:
        if "namespace" in told:
            item["metadata"]["namespace"] = told["namespace"]
    return items


def _resources(path: Path) -> list[Object]:
    return kustomized(path) if path.is_dir() else [_read(path)]


def _read(path: Path) -> Object:
    document: Object = yaml.safe_load(path.read_text(encoding="utf-8"))
    return document


def _identity(item: Object) -> tuple[str, str, str]:
    return item["apiVersion"], item["kind"], item["metadata"]["name"]
