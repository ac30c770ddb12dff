"""A tree of objects as lines and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.text import Text

from tracedmodel_operator.cli.text import FAINT, age, columns, head

_BRANCHES = (("├─", "│ "), ("└─", "  "))


@dataclass(frozen=True)
class Node:
    """An object, its state in a word, and what follows from it."""

    kind: str
    name: str
    state: str
    tone: str = ""
    """A style."""
    since: str | None = None
    """A moment as Kubernetes spells it."""
    why: str = ""
    children: tuple[Node, ...] = ()


def tree(node: Node, now: datetime, width: int | None = None) -> list[Text]:
    """Return a node and all below it as lines."""
    rows = [head("OBJECT", "STATE", "SINCE", "WHY"), *_rows(node, now, "", "")]
    return columns(rows, width)


def _rows(node: Node, now: datetime, guide: str, below: str) -> Iterator[list[Text]]:
    name = Text(guide, style=FAINT).append(f"{node.kind}/{node.name}", style="not dim")
    yield [name, Text(node.state, style=node.tone), Text(age(node.since, now)), Text(node.why)]
    last = len(node.children) - 1
    for number, child in enumerate(node.children):
        branch, further = _BRANCHES[number == last]
        yield from _rows(child, now, below + branch, below + further)


def as_document(node: Node) -> dict[str, Any]:
    """Return a node and all below it as JSON."""
    found: dict[str, Any] = {"kind": node.kind, "name": node.name, "state": node.state}
    found |= {"why": node.why} if node.why else {}
    found |= {"since": node.since} if node.since else {}
    return found | ({"children": [*map(as_document, node.children)]} if node.children else {})
