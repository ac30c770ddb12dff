"""Merge patches (RFC 7396) and JSON patches (RFC 6902). Neither changes what it is given."""

from __future__ import annotations

import copy
import functools
from typing import Any

from apiserver.failures import Failure, bad_request


def merge_patch(document: Any, patch: Any) -> Any:
    """Return a document with a merge patch applied: null takes a field away."""
    if not isinstance(patch, dict):
        return patch
    result = dict(document) if isinstance(document, dict) else {}
    for key, part in patch.items():
        if part is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), part)
    return result


def json_patch(document: Any, operations: Any) -> Any:
    """Return a document with the operations of a JSON patch carried out, all or none."""
    if not isinstance(operations, list):
        raise bad_request("a JSON patch is a list of operations")
    try:
        return functools.reduce(_carry_out, operations, copy.deepcopy(document))
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise _impossible() from error


def _impossible() -> Failure:
    # The API server says no more than this.
    message = "the server rejected our request due to an error in our request"
    return Failure(422, "Invalid", message, {})


def _carry_out(document: Any, operation: dict[str, Any]) -> Any:
    path, name = operation["path"], operation["op"]
    match name:
        case "add":
            return _put(document, path, operation["value"], insert=True)
        case "replace":
            _get(document, path)
            return _put(document, path, operation["value"], insert=False)
        case "remove":
            return _take(document, path)
        case "test":
            if _get(document, path) != operation["value"]:
                raise ValueError(path)
            return document
        case "copy" | "move":
            value = copy.deepcopy(_get(document, operation["from"]))
            rest = _take(document, operation["from"]) if name == "move" else document
            return _put(rest, path, value, insert=True)
    raise ValueError(name)


def _steps(path: str) -> list[str]:
    if path and not path.startswith("/"):
        raise ValueError(path)
    return [step.replace("~1", "/").replace("~0", "~") for step in path.split("/")[1:]]


def _step(place: Any, step: str) -> Any:
    return place[_index(step)] if isinstance(place, list) else place[step]


def _index(step: str) -> int:
    if not step.isdigit():
        raise ValueError(step)
    return int(step)


def _get(document: Any, path: str) -> Any:
    for step in _steps(path):
        document = _step(document, step)
    return document


def _put(document: Any, path: str, value: Any, *, insert: bool) -> Any:
    steps = _steps(path)
    if not steps:
        return value
    place = document
    for step in steps[:-1]:
        place = _step(place, step)
    last = steps[-1]
    if not isinstance(place, list):
        place[last] = value
    elif not insert:
        place[_index(last)] = value
    else:
        index = len(place) if last == "-" else _index(last)
        if index > len(place):
            raise IndexError(path)
        place.insert(index, value)
    return document


def _take(document: Any, path: str) -> Any:
    *above, last = _steps(path)
    place = document
    for step in above:
        place = _step(place, step)
    del place[_index(last) if isinstance(place, list) else last]
    return document
