"""The chart's README: a table of all values, each with its default and the comment that stands above it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import yaml

_HEAD = """\
# {name}

<!-- Generated from Chart.yaml and values.yaml by `make generate`. Do not edit. -->

{description}. Version {version}, of the operator {appVersion}, for Kubernetes {kubeVersion}.

[docs/install.md](../../docs/install.md) says how to install, upgrade and uninstall it, [docs/operations.md](../../docs/operations.md)
how to run it. What is not in this table, or of another type, `values.schema.json` refuses.

| value | default | meaning |
|---|---|---|
"""


class Row(NamedTuple):
    """A value by its path, its default as JSON (None for a group of values), and what it means."""

    path: str
    default: str | None
    meaning: str


def readme(metadata: str, values: str) -> str:
    """Return the README of a chart by its Chart.yaml and values.yaml."""
    head = _HEAD.format_map(yaml.safe_load(metadata))
    return head + "".join(f"{_line(row)}\n" for row in rows(values))


def rows(values: str) -> list[Row]:
    """Return a row for each value; raises ``ValueError`` for one that has no comment."""
    root = yaml.compose(values, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        raise TypeError("values are a mapping")
    return list(_rows(root, "", values.splitlines()))


def _rows(group: yaml.MappingNode, prefix: str, lines: Sequence[str]) -> Iterator[Row]:
    for key, value in group.value:
        path = f"{prefix}{key.value}"
        meaning = _above(key.start_mark.line, lines)
        if isinstance(value, yaml.MappingNode) and not value.flow_style:
            if meaning:
                yield Row(path, None, meaning)
            yield from _rows(value, f"{path}.", lines)
        elif meaning:
            yield Row(path, json.dumps(_constructed(value)), meaning)
        else:
            raise ValueError(f"values.yaml: nothing above {path} says what it means")


def _above(line: int, lines: Sequence[str]) -> str:
    """Return the comment that ends right above a line."""
    first = line
    while first and lines[first - 1].lstrip().startswith("#"):
        first -= 1
    return " ".join(text.lstrip().removeprefix("#").strip() for text in lines[first:line])


def _constructed(node: yaml.Node) -> object:
    return yaml.SafeLoader("").construct_object(node, deep=True)


def _line(row: Row) -> str:
    default = f"`{row.default}`" if row.default else ""
    cells = (f"`{row.path}`", default, row.meaning)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
