"""What PromQL asks for, by its own parser: the metrics, the labels that it chooses them by, and those that it keeps."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import promql_parser

_PARTS = ("args", "expr", "param", "lhs", "rhs", "vector_selector")


class Selected(NamedTuple):
    """A metric, and the labels and values of its matchers."""

    name: str
    matchers: dict[str, str]


def selected(text: str) -> list[Selected]:
    """Return what an expression reads; raises ``ValueError`` if it is none."""
    found = [node for node in _nodes(_parse(text)) if _is(node, "VectorSelector")]
    return [Selected(one.name, {m.name: m.value for m in one.matchers.matchers}) for one in found]


def kept(text: str) -> set[str]:
    """Return the labels by which an expression aggregates or matches."""
    modifiers = [getattr(node, "modifier", None) for node in _nodes(_parse(text))]
    lists = [_labels(modifier) for modifier in modifiers if modifier is not None]
    return {label for labels in lists for label in labels}


def _labels(modifier: Any) -> list[str]:
    if hasattr(modifier, "labels"):
        return list(modifier.labels)
    matching = modifier.matching
    return list(matching.labels) if matching else []


def _parse(text: str) -> Any:
    # Grafana's variables: times, which no parser knows, and texts, which are as good as any.
    return promql_parser.parse(text.replace("$__rate_interval", "5m"))


def _nodes(node: Any) -> Iterator[Any]:
    yield node
    for part in _PARTS:
        below = getattr(node, part, None)
        for one in below if isinstance(below, list) else [below]:
            if one is not None and not isinstance(one, str):
                yield from _nodes(one)


def _is(node: Any, kind: str) -> bool:
    return type(node).__name__ == kind
