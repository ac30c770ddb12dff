"""Sets of fields, in the form in which managedFields keep them, and what objects have to do with them.

A node without children, or with the child ".", stands for a field that is in the set itself.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import Any

from apiserver.registry import Resource

Node = dict[str, Any]
_SELF = "."
_KEY_DEFAULTS = {"protocol": "TCP"}


def _is_in(node: Mapping[str, Any]) -> bool:
    return not node or _SELF in node


def _node(children: Node, *, itself: bool) -> Node | None:
    """Return a node, or None for one that stands for nothing."""
    if not children:
        return {} if itself else None
    return {_SELF: {}, **children} if itself else children


def _children(node: Node) -> Node:
    return {key: below for key, below in node.items() if key != _SELF}


def union(one: Node | None, other: Node | None) -> Node | None:
    """Return the fields of both sets; None is the empty set, here and below."""
    if one is None or other is None:
        return other if one is None else one
    children = _children(one)
    for key, below in other.items():
        if key != _SELF:
            children[key] = union(children.get(key), below)
    return _node(children, itself=_is_in(one) or _is_in(other))


def difference(one: Node | None, other: Node | None) -> Node | None:
    """Return the fields that are in the first set alone."""
    if one is None or other is None:
        return one
    children = {}
    for key, below in one.items():
        if key == _SELF:
            continue
        left = difference(below, other.get(key))
        if left is not None:
            children[key] = left
    return _node(children, itself=_is_in(one) and not _is_in(other))


def intersection(one: Node | None, other: Node | None) -> Node | None:
    """Return the fields that are in both sets."""
    if one is None or other is None:
        return None
    children = {}
    for key in one.keys() & other.keys() - {_SELF}:
        both = intersection(one[key], other[key])
        if both is not None:
            children[key] = both
    return _node(children, itself=_is_in(one) and _is_in(other))


def paths(node: Node | None, above: str = "") -> list[str]:
    """Return the fields of a set as error messages spell them."""
    if node is None:
        return []
    found = [above] if above and _is_in(node) else []
    for key, below in sorted(node.items()):
        if key != _SELF:
            found += paths(below, above + _spelled(key))
    return found


def _spelled(key: str) -> str:
    sort, _, rest = key.partition(":")
    if sort == "f":
        return f".{rest}"
    if sort == "v":
        return f"[={rest}]"
    pairs = (f"{name}={json.dumps(value)}" for name, value in json.loads(rest).items())
    return f"[{','.join(pairs)}]"


def item_key(item: Any, keys: tuple[str, ...] | None) -> str:
    """Return how a set names an item of a list: by the keys of a map, or by the value."""
    if keys is None:
        return f"v:{json.dumps(item)}"
    return _key_of(keys, *(item.get(key, _KEY_DEFAULTS.get(key)) for key in keys))


@functools.lru_cache(maxsize=16384)
def _key_of(keys: tuple[str, ...], *values: Any) -> str:
    named = {k: v for k, v in sorted(zip(keys, values, strict=True)) if v is not None}
    return f"k:{json.dumps(named, separators=(',', ':'))}"


def is_map(value: Any, name: str, resource: Resource) -> bool:
    """Return whether a value is a map whose fields are owned one by one."""
    return isinstance(value, dict) and name not in resource.atomic


def is_list(value: Any, name: str, resource: Resource) -> bool:
    """Return whether a value is a list whose items are owned one by one."""
    return isinstance(value, list) and (name in resource.list_keys or name in resource.sets)


def parts(value: Any, name: str, resource: Resource) -> dict[str, tuple[str, Any]] | None:
    """Return what is owned one by one in a value: by its name in a set, the field's name and the value.

    None stands for a value that is owned as a whole.
    """
    if not isinstance(value, dict | list):
        return None
    if isinstance(value, dict) and is_map(value, name, resource):
        return {f"f:{key}": (key, part) for key, part in value.items()}
    if is_list(value, name, resource):
        keys = resource.list_keys.get(name)
        return {item_key(item, keys): (f"{name}[]", item) for item in value}
    return None


def applied(value: Any, name: str, resource: Resource) -> Node | None:
    """Return the fields that somebody owns who applied a value."""
    below = parts(value, name, resource)
    if below is None or (value == {}):
        return {}
    children = {}
    for key, (field, part) in below.items():
        node = applied(part, field, resource)
        if not key.startswith("f:"):
            node = union(node, {})
        if node is not None:
            children[key] = node
    return _node(children, itself=False)


def added(value: Any, name: str, resource: Resource) -> Node:
    """Return the fields that somebody owns who added a value by other means than apply: maps and lists too."""
    below = parts(value, name, resource)
    if not below:
        return {}
    children = {key: added(part, field, resource) for key, (field, part) in below.items()}
    return {_SELF: {}, **children}


def compare(old: Any, new: Any, name: str, resource: Resource) -> tuple[Node | None, Node | None]:
    """Return the fields that were added or changed, and those that were removed."""
    if old == new:
        return None, None
    after = parts(new, name, resource)
    before = {} if old is None else parts(old, name, resource)
    if before is None or after is None:
        return {}, None
    changed: Node = {}
    removed: Node = {}
    for key, (field, part) in after.items():
        if key not in before:
            changed[key] = added(part, field, resource)
            continue
        more, less = compare(before[key][1], part, field, resource)
        changed |= {} if more is None else {key: more}
        removed |= {} if less is None else {key: less}
    gone = {
        key: added(part, field, resource)
        for key, (field, part) in before.items()
        if key not in after
    }
    return _node(changed, itself=False), _node({**removed, **gone}, itself=False)
