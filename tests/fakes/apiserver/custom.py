"""TracedModels as the committed definition has them: pruned, completed and judged."""

from __future__ import annotations

import functools
from typing import Any

import crd_judge
from apiserver.failures import Failure, bad_request
from apiserver.registry import Resource
from apiserver.store import decode, encode

Object = dict[str, Any]


def unknown_fields(document: Object) -> list[str]:
    """Return the fields that the definition does not know, as paths."""
    found = crd_judge._unknown(document, crd_judge.schema(), "")
    return [problem.partition(":")[0].removeprefix(".") for problem in found]


def refuse_unknown(document: Object, resource: Resource) -> None:
    """Raise the answer of strict field validation if the definition does not know a field."""
    unknown = unknown_fields(document)
    if unknown:
        named = ", ".join(f'unknown field "{path}"' for path in unknown)
        kind = resource.kind
        raise bad_request(
            f'{kind.name} in version "{kind.version}" cannot be handled as a {kind.name}: '
            f"strict decoding error: {named}"
        )


def refuse_untyped(document: Object, resource: Resource) -> None:
    """Raise the answer to an apply of a field that the definition does not know."""
    unknown = unknown_fields(document)
    if unknown:
        kind = resource.kind
        subject = f"/{document['metadata']['name']}; {kind.api_version}, Kind={kind.name}"
        why = f".{unknown[0]}: field not declared in schema"
        raise Failure(500, "", f"failed to create typed patch object ({subject}): {why}")


def complete(document: Object, _: Resource) -> Object:
    """Return a document as it is stored: without what is unknown or null, with its defaults."""
    completed: Object = crd_judge.completed(_pruned(document, crd_judge.schema()))
    return completed


def _pruned(value: Any, node: dict[str, Any]) -> Any:
    if isinstance(value, dict) and "properties" in node:
        known = node["properties"]
        return {key: _pruned(part, known[key]) for key, part in value.items() if key in known}
    if isinstance(value, list) and "items" in node:
        return [_pruned(part, node["items"]) for part in value]
    return value


def problems(document: Object) -> list[tuple[str, str]]:
    """Return what breaks the definition's rules: a field and what is wrong with it each."""
    identity = {key: document.get(key) for key in ("apiVersion", "kind", "spec")}
    identity["metadata"] = {"name": document["metadata"]["name"]}
    return [*_judged(encode(identity)), *_judged_status(encode(document.get("status", {})))]


@functools.lru_cache(maxsize=4096)
def _judged(identity: bytes) -> tuple[tuple[str, str], ...]:
    document = {key: part for key, part in decode(identity).items() if part is not None}
    return tuple(_problem(found) for found in crd_judge.judge(document))


@functools.lru_cache(maxsize=4096)
def _judged_status(status: bytes) -> tuple[tuple[str, str], ...]:
    node = crd_judge.schema()["properties"]["status"]
    value = decode(status)
    found = list(crd_judge._shape(value, node, ".status"))
    return tuple(map(_problem, found or crd_judge._rules(value, node, ".status")))


def _problem(found: str) -> tuple[str, str]:
    path, _, sentence = found.partition(": ")
    return path.removeprefix(".") or "<nil>", f"Invalid value: {sentence}"
