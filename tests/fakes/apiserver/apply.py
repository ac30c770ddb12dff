"""Server-side apply: merge what was applied, and remove what its manager applied before and does no more."""

from __future__ import annotations

import json
from collections import deque
from typing import Any

from apiserver import fields, managed
from apiserver.failures import Failure
from apiserver.fields import Node
from apiserver.managed import APPLY, BEFORE_APPLY, UPDATE, Managed, Writer
from apiserver.registry import Resource

Object = dict[str, Any]


def apply(
    live: Object, sent: Object, resource: Resource, writer: Writer, now: str, *, force: bool
) -> Object:
    """Return the live object with a document applied to it; raises a conflict of fields unless forced."""
    before, wanted = managed.owned_part(live), managed.owned_part(sent)
    if not wanted["metadata"]:
        del wanted["metadata"]
    owners = _owners(live, resource, now)
    last = owners.fields.get(writer)
    now_owned = fields.applied(wanted, "", resource)
    merged = merge(before, wanted, "", resource)
    if now_owned:
        owners.fields[writer] = now_owned
    else:
        owners.fields.pop(writer, None)
    if last is not None:
        merged = prune(merged, last, owners.all(), "", resource)
    changed, removed = fields.compare(before, merged, "", resource)
    claimed = owners.claimed(writer, changed)
    if claimed and not force:
        raise conflict_of_fields(claimed)
    owners.release(writer, changed, removed)
    same = changed is None and removed is None
    if not same or last != now_owned:
        owners.note(writer, now)
    result = dict(live) if same else _assembled(live, merged)
    result["metadata"] = dict(result["metadata"])
    managed.store(owners, result)
    return result


def _owners(live: Object, resource: Resource, now: str) -> Managed:
    owners = Managed.load(live["metadata"].get("managedFields"))
    if not owners.fields and "resourceVersion" in live["metadata"]:
        first = Writer(BEFORE_APPLY, UPDATE, resource.kind.api_version)
        blank = {"metadata": {}, **resource.blank}
        found, _ = fields.compare(blank, managed.owned_part(live), "", resource)
        if found:
            owners.fields[first] = found
            owners.times[first] = now
    return owners


def _assembled(live: Object, merged: Object) -> Object:
    """Return what was merged with that part of the live object which nobody can own."""
    kept = {k: v for k, v in live["metadata"].items() if k in managed.UNOWNED}
    named = {"apiVersion": live["apiVersion"], "kind": live["kind"]}
    return {**named, **merged, "metadata": {**merged.get("metadata", {}), **kept}}


def merge(live: Any, sent: Any, name: str, resource: Resource) -> Any:
    """Return a value with what was applied laid over it."""
    if fields.is_map(live, name, resource) and fields.is_map(sent, name, resource):
        result = dict(live)
        for key, part in sent.items():
            result[key] = merge(live[key], part, key, resource) if key in live else part
        return result
    if fields.is_list(live, name, resource) and fields.is_list(sent, name, resource):
        return _merge_lists(live, sent, name, resource)
    return sent


def _merge_lists(live: list[Any], sent: list[Any], name: str, resource: Resource) -> list[Any]:
    """Merge items by their keys: in the order applied, those of others where they stood between."""
    keys = resource.list_keys.get(name)
    ours = {fields.item_key(item, keys): item for item in live}
    theirs = {fields.item_key(item, keys): item for item in sent}
    below = f"{name}[]"
    shared = deque(key for key in theirs if key in ours)
    others = deque(ours)
    result: list[Any] = []
    for key, item in theirs.items():
        # The items of others keep their places before the shared item that they stood before.
        while others and (others[0] not in theirs or others[0] not in list(shared)[:1]):
            other = others.popleft()
            result += [] if other in theirs else [ours[other]]
        if key in ours:
            shared.popleft()
        result.append(merge(ours[key], item, below, resource) if key in ours else item)
    return result + [ours[other] for other in others if other not in theirs]


def prune(value: Any, last: Node, keep: Node | None, name: str, resource: Resource) -> Any:
    """Return a value without the fields of ``last`` that are not to be kept."""
    if fields.is_map(value, name, resource):
        result = {}
        for key, part in value.items():
            field = f"f:{key}"
            if field not in last:
                result[key] = part
            elif keep is not None and field in keep:
                result[key] = prune(part, last[field], keep[field], key, resource)
        return result
    if fields.is_list(value, name, resource):
        return _prune_items(value, last, keep or {}, name, resource)
    return value


def _prune_items(
    items: list[Any], last: Node, keep: Node, name: str, resource: Resource
) -> list[Any]:
    keys = resource.list_keys.get(name)
    result = []
    for item in items:
        key = fields.item_key(item, keys)
        if key not in last:
            result.append(item)
        elif key in keep:
            result.append(prune(item, last[key], keep[key], f"{name}[]", resource))
    return result


def conflict_of_fields(claimed: dict[Writer, Node]) -> Failure:
    """Return the answer to an apply of fields that others own."""
    causes: list[dict[str, str]] = []
    groups: dict[str, list[str]] = {}
    for writer, node in claimed.items():
        using = "" if writer.operation == APPLY else f" using {writer.api_version}"
        within = f" with subresource {json.dumps(writer.subresource)}" if writer.subresource else ""
        who = f'"{writer.manager}"{within}{using}'
        for path in fields.paths(node):
            cause = {"reason": "FieldManagerConflict", "message": f"conflict with {who}"}
            causes.append({**cause, "field": path})
            groups.setdefault(who, []).append(path)
    count = len(causes)
    if count == 1:
        what = f"1 conflict: {causes[0]['message']}: {causes[0]['field']}"
    else:
        listed = [
            f"conflicts with {who}:\n" + "\n".join(f"- {path}" for path in sorted(found))
            for who, found in sorted(groups.items())
        ]
        what = f"{count} conflicts: " + "\n".join(listed)
    return Failure(409, "Conflict", f"Apply failed with {what}", {"causes": causes})
