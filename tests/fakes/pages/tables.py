"""Tables of TracedModels as `kubectl get` writes them."""

from __future__ import annotations

from collections.abc import Sequence

from crd_judge import definition
from pages.blocks import Refused
from tracedmodel_api import conditions
from tracedmodel_api.report import REASONS
from tracedmodel_api.types import Target, Task

_GAP = 3
"""Blanks that kubectl leaves between columns."""


def check(shown: str, *, wide: bool) -> None:
    """Refuse a table with other columns than the definition's, with values that none has, or out of line."""
    rows = [line.split() for line in shown.splitlines()]
    wanted = ["NAME", *(one["name"].upper() for one in _columns(wide=wide))]
    first = ["NAMESPACE"] if rows[:1] and rows[0][:1] == ["NAMESPACE"] else []
    if rows[:1] != [[*first, *wanted]]:
        raise Refused(f"the columns are {' '.join(wanted)}")
    for row in rows[1:]:
        _check_row(dict(zip(rows[0], row, strict=True)))
    if shown != aligned(rows):
        raise Refused(f"kubectl aligns it so:\n{aligned(rows)}")


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows in columns as wide as their longest cell."""
    widths = [max(map(len, column)) + _GAP for column in zip(*rows, strict=True)]
    lines = ("".join(map(str.ljust, row, widths)) for row in rows)
    return "".join(f"{line[:-_GAP].rstrip()}\n" for line in lines)


def _columns(*, wide: bool) -> list[dict[str, object]]:
    (version,) = definition()["spec"]["versions"]
    return [c for c in version["additionalPrinterColumns"] if wide or not c.get("priority")]


def _check_row(row: dict[str, str]) -> None:
    reasons = {*REASONS, *(value for value in vars(conditions).values() if isinstance(value, str))}
    for column, known in (
        ("READY", {"True", "False", "Unknown"}),
        ("REASON", reasons),
        ("TASK", {task.value for task in Task}),
        ("TARGET", {target.value for target in Target}),
    ):
        if row[column] not in known and row[column] != "<none>":
            raise Refused(f"{column} is never {row[column]}")
