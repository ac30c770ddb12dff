"""Get and list: selectors, and pages that all show the state which the first one showed."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from apiserver.failures import bad_request, expired, not_found
from apiserver.registry import Resource
from apiserver.request import Target
from apiserver.selectors import parse_fields, parse_labels
from apiserver.store import Database, Stored, Table, encode

_TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. You can start a "
    "new list without the continue parameter, or use the continue token in this response to retrieve "
    "the remainder of the results. Continuing with the provided token results in an inconsistent list "
    "- objects that were created, modified, or deleted between the time the first chunk was returned "
    "and now may show up in the list."
)


@dataclass(frozen=True)
class Page:
    """Part of a list; ``token`` asks for the rest, where there is one."""

    items: list[Stored]
    version: int
    token: str = ""


class Choice:
    """What the selectors of a query choose."""

    def __init__(self, query: Mapping[str, str], target: Target) -> None:
        self.by_label = parse_labels(query.get("labelSelector", ""))
        fields = query.get("fieldSelector", "")
        if target.name:
            fields = f"metadata.name={target.name}"
        self._by_field = parse_fields(fields) if fields else None

    def __call__(self, stored: Stored | None) -> bool:
        """Return whether an object is chosen."""
        if stored is None or not self.by_label(stored.labels):
            return False
        names = {"metadata.name": stored.name, "metadata.namespace": stored.namespace}
        return self._by_field is None or self._by_field(names)


def find(database: Database, target: Target) -> Stored:
    """Return an object; raises the answer if it is not there."""
    stored = database.find(target.resource.kind, target.key)
    if stored is None:
        raise not_found(target.resource, target.name)
    return stored


def list_page(database: Database, target: Target, query: Mapping[str, str]) -> Page:
    """Return the objects that a query asks for, or as many of them as it wants at once."""
    table = database.tables[target.resource.kind]
    chosen = Choice(query, target)
    limit = int(query.get("limit") or 0)
    version, start = (
        _read_token(query["continue"]) if query.get("continue") else (database.version, "")
    )
    if version < table.forgotten:
        raise expired(_TOO_OLD)
    items: list[Stored] = []
    for stored in _as_of(table, version, target.namespace, start):
        if chosen(stored):
            if limit and len(items) == limit:
                return Page(items, version, _write_token(version, items[-1].key))
            items.append(stored)
    return Page(items, version)


def _as_of(table: Table, version: int, namespace: str | None, start: str) -> Iterator[Stored]:
    """Yield objects as they were at a version, in order."""
    then: dict[str, Stored | None] = {}
    for change in reversed(table.since(version)):
        then[change.after.key] = change.before
    keys = table.keys(namespace, start)
    if then:
        prefix = f"{namespace}/" if namespace else ""
        lost = {key for key in then if key > start and key.startswith(prefix)}
        keys = iter(sorted({*keys, *lost}))
    for key in keys:
        stored = then[key] if key in then else table.items[key]
        if stored is not None:
            yield stored


def _write_token(version: int, key: str) -> str:
    text = json.dumps({"v": "meta.k8s.io/v1", "rv": version, "start": key})
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_token(token: str) -> tuple[int, str]:
    try:
        document = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        return int(document["rv"]), str(document["start"])
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise bad_request(
            "invalid continue token: continue key is not valid: " + str(error)
        ) from error


def list_document(page: Page, resource: Resource) -> bytes:
    """Return a page as JSON; items of built-in kinds do not say what they are."""
    kind = resource.kind
    metadata = {"resourceVersion": str(page.version)} | (
        {"continue": page.token} if page.token else {}
    )
    head = {"kind": f"{kind.name}List", "apiVersion": kind.api_version, "metadata": metadata}
    # Objects are stored with their type first.
    typed = len(encode({"apiVersion": kind.api_version, "kind": kind.name}))
    parts = (s.data if resource.custom else b"{" + s.data[typed:] for s in page.items)
    return json.dumps(head).encode()[:-1] + b', "items": [' + b",".join(parts) + b"]}"
