"""What an apply of a manifest would send, so that the API server can be asked what it would make of it. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tracedmodel_operator.names import MANAGER

Object = Mapping[str, Any]
_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_DEFAULT_MANAGER = "kubectl"


@dataclass(frozen=True)
class Rehearsal:
    """A server-side apply by a field manager, or the merge patch of a client-side one."""

    manager: str
    patch: Object | None = None


def rehearsal(manifest: Object, live: Object | None) -> Rehearsal:
    """Return how the manifest would be applied: as it was before, or server-side for what is new.

    Applied otherwise than before, what the manifest leaves out would stay.
    """
    before = _last_applied(live) if live else None
    if before is not None:
        return Rehearsal("kubectl-client-side-apply", _three_way(before, manifest))
    return Rehearsal(_manager(live) if live else _DEFAULT_MANAGER)


def _last_applied(live: Object) -> Object | None:
    text = (live["metadata"].get("annotations") or {}).get(_APPLIED)
    try:
        found = json.loads(text) if text else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _three_way(before: Object, after: Object) -> dict[str, Any]:
    """Return what is in the manifest, and null for what was applied before and is not any more."""
    patch: dict[str, Any] = {key: None for key in before if key not in after}
    for key, value in after.items():
        old = before.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        patch[key] = _three_way(old, value) if both else value  # type: ignore[arg-type]  # both are mappings
    return patch


def _manager(live: Object) -> str:
    """Return who applied the resource before."""
    entries = live["metadata"].get("managedFields") or ()
    found = (
        e["manager"] for e in entries if e.get("operation") == "Apply" and not e.get("subresource")
    )
    return next((manager for manager in found if manager != MANAGER), _DEFAULT_MANAGER)
