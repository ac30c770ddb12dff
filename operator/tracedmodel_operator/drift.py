"""Whether a child is still as it was rendered: what is rendered must be there, whatever else is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tracedmodel_api.canonical import fingerprint as digest_of
from tracedmodel_operator.names import RENDERED, TEMPLATE

_KEYS = ("mountPath", "uid", "topologyKey", "name")
"""What tells the items of a list apart, as server-side apply does; other lists are compared as a whole."""
_COMPARED = ("metadata", "spec", "data", "immutable")


def stamped(child: Mapping[str, Any]) -> dict[str, Any]:
    """Return a child with the digests of what was rendered: what a later one leaves out is missed by them alone."""
    stamps = {RENDERED: digest_of(dict(child))[:16]}
    template = (child.get("spec") or {}).get("template")
    if template is None:
        return _annotated(child, stamps)
    mark = {TEMPLATE: digest_of(template)[:16]}
    spec = {**child["spec"], "template": _annotated(template, mark)}
    return _annotated({**child, "spec": spec}, stamps | mark)


def _annotated(item: Mapping[str, Any], annotations: Mapping[str, str]) -> dict[str, Any]:
    metadata = item["metadata"]
    found = {**(metadata.get("annotations") or {}), **annotations}
    return {**item, "metadata": {**metadata, "annotations": found}}


def drifted(wanted: Mapping[str, Any], live: Mapping[str, Any]) -> bool:
    """Tell whether a live object lacks or contradicts anything of what is wanted."""
    parts = (part for part in _COMPARED if part in wanted)
    return not all(_within(wanted[part], live.get(part)) for part in parts)


def must_be_remade(wanted: Mapping[str, Any], live: Mapping[str, Any]) -> bool:
    """Tell whether a live object is not what is wanted and cannot become it: another version's immutable data."""
    return bool(wanted.get("immutable")) and wanted.get("data") != live.get("data")


def replaces_pods(wanted: Mapping[str, Any], live: Mapping[str, Any]) -> bool:
    """Tell whether a wanted Deployment has another pod template than the live one; both are stamped."""
    stamp, there = _stamp(wanted), _stamp(live)
    return stamp != there or not _within(wanted["spec"]["template"], live["spec"]["template"])


def _stamp(item: Mapping[str, Any]) -> Any:
    return (item["metadata"].get("annotations") or {}).get(TEMPLATE)


def _within(wanted: Any, live: Any) -> bool:
    # Both are JSON: to ask for Mapping, an abstract class, would take half of the time of a look.
    if isinstance(wanted, dict):
        there = live if isinstance(live, dict) else {}
        return all(_within(value, there.get(key)) for key, value in wanted.items())
    if isinstance(wanted, list):
        return _list_within(wanted, live if isinstance(live, list) else [])
    return bool(wanted == live)


def _list_within(wanted: Sequence[Any], live: Sequence[Any]) -> bool:
    key = next((key for key in _KEYS if _tells_apart(key, wanted)), None)
    if key is None:
        return len(wanted) == len(live) and all(map(_within, wanted, live))
    there = {name: item for item in live if (name := _name(item, key)) is not None}
    return all(_within(item, there.get(item[key])) for item in wanted)


def _tells_apart(key: str, items: Sequence[Any]) -> bool:
    values = [_name(item, key) for item in items]
    return bool(values) and None not in values and len(set(values)) == len(values)


def _name(item: Any, key: str) -> str | None:
    name = item.get(key) if isinstance(item, dict) else None
    return name if isinstance(name, str) else None
