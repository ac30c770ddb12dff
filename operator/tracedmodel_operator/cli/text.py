"""Words, columns and moments for terminals; a style is seen on a terminal alone."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from datetime import datetime

from rich.text import Text

from tracedmodel_operator.moments import read

GOOD, BUSY, BAD, FAINT = "green", "yellow", "bold red", "dim"
UNKNOWN = "-"
_GAP = 3
_LEAST_ROOM = 30
"""Columns of text below which a cell is not wrapped: it would be a tower of words."""
_UNITS = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))
Cell = str | Text


def columns(
    rows: Sequence[Sequence[Cell]], width: int | None = None, right: frozenset[int] = frozenset()
) -> list[Text]:
    """Return rows as aligned lines, the columns ``right`` to the right; the last one is wrapped to ``width``."""
    cells = [[cell if isinstance(cell, Text) else Text(cell) for cell in row] for row in rows]
    widths = [max(cell.cell_len for cell in column) for column in zip(*cells, strict=True)]
    before = sum(widths[:-1]) + _GAP * (len(widths) - 1)
    return [line for row in cells for line in _lines(row, widths, before, width, right)]


def _lines(
    row: Sequence[Text],
    widths: Sequence[int],
    before: int,
    width: int | None,
    right: frozenset[int],
) -> list[Text]:
    room = (width or 0) - before
    last = row[-1]
    pieces = [last]
    if width and room >= _LEAST_ROOM and last.cell_len > room:
        pieces = [Text(piece, style=last.style) for piece in textwrap.wrap(last.plain, room)]
    head = [
        _padded(cell, size, left=at in right)
        for at, (cell, size) in enumerate(zip(row, widths, strict=True))
    ]
    if len(widths) - 1 in right:
        pieces = [head[-1]]
    gap = " " * _GAP
    first = Text(gap).join([*head[:-1], pieces[0]])
    first.rstrip()
    return [first, *(Text(" " * before).append_text(piece) for piece in pieces[1:])]


def _padded(cell: Text, size: int, *, left: bool) -> Text:
    space = " " * (size - cell.cell_len)
    return Text(space).append_text(cell) if left else cell.copy().append(space)


def head(*titles: str) -> list[Text]:
    """Return the first row of a table."""
    return [Text(title, style="bold") for title in titles]


def age(since: str | None, now: datetime) -> str:
    """Return the time since a moment as kubectl shows it, ``-`` where there is none."""
    moment = read(since)
    if moment is None:
        return UNKNOWN
    seconds = max(0, int((now - moment).total_seconds()))
    size, unit = next(((s, u) for s, u in _UNITS if seconds >= 2 * s), _UNITS[-1])
    return f"{seconds // size}{unit}"
