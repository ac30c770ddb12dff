"""docs/troubleshooting.md names reasons and Events that there are."""

import re
from pathlib import Path

from tracedmodel_api import conditions
from tracedmodel_api.report import REASONS
from tracedmodel_operator import remarks

PAGE = (Path(__file__).parents[2] / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
CONSTANTS = {
    value
    for module in (conditions, remarks)
    for name, value in vars(module).items()
    if name.isupper()
}


def test_every_row_says_where_to_look_and_what_it_often_is():
    rows = [line for line in PAGE.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 10
    assert all(len(row.strip("|").split(" | ")) == 3 for row in rows)


def test_every_reason_that_it_names_is_one():
    named = set(re.findall(r"`([A-Z][a-z]+(?:[A-Z][a-z]+)+)`", PAGE))
    named |= set(re.findall(r"Event (\w+)", PAGE))
    assert len(named) > 8
    assert named <= CONSTANTS | REASONS.keys()
