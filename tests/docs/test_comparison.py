"""docs/comparison.md is fair in form: each neighbour in the table, in a section with what it does better, and with sources."""

import re
from pathlib import Path

import pytest

from tracedmodel_api.crd import definition
from tracedmodel_api.enums import Target, Task

PAGE = (Path(__file__).parents[2] / "docs" / "comparison.md").read_text(encoding="utf-8")
NEIGHBOURS = {
    "KServe": "KServe",
    "NIM Operator": "NVIDIA NIM Operator",
    "KubeAI": "KubeAI",
    "Seldon Core 2": "Seldon Core 2",
    "SageMaker Neo and endpoints": "SageMaker Neo",
}
"""Section by column of the table."""
DEFINED = dict(re.findall(r"^\[([\w-]+)\]: (\S+)$", PAGE, re.MULTILINE))


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


COLUMNS, _, *ROWS = (cells(line) for line in PAGE.splitlines() if line.startswith("|"))


def section(title):
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def paragraph(title, beginning):
    (found,) = re.findall(rf"\*\*{beginning}\*\*(.+?)\n\n", section(title), re.DOTALL)
    return found


def test_the_table_has_a_column_for_each_neighbour():
    assert COLUMNS[2:] == list(NEIGHBOURS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_every_row_says_something_of_everyone(row):
    assert len(row) == len(COLUMNS)
    assert all(row)


@pytest.mark.parametrize("title", NEIGHBOURS.values())
def test_every_neighbour_has_what_it_does_better_first_and_with_sources(title):
    better = paragraph(title, "What it does better.")
    assert len(re.findall(r"\]\[[\w-]+\]", better)) >= 2
    assert section(title).index("What it does better.") < section(title).index("does not.")


@pytest.mark.parametrize("title", NEIGHBOURS.values())
def test_every_neighbour_has_a_case_for_it_and_a_case_against(title):
    assert re.search(r"\]\[[\w-]+\]", paragraph(title, "What it does not."))
    assert re.search(r"\*\*Choose it\*\*.+\*\*Choose TracedModel\*\*", section(title), re.DOTALL)


def test_every_source_is_named_and_every_name_is_a_source():
    used = set(re.findall(r"\]\[([\w-]+)\]", PAGE))
    assert used == DEFINED.keys()
    for address in DEFINED.values():
        assert re.fullmatch(r"https://[a-z0-9.-]+\.[a-z]+/[\w./#-]+", address)


def test_every_page_of_ours_that_it_names_is_there():
    docs = Path(__file__).parents[2] / "docs"
    for link in re.findall(r"\]\(([^)#]+)", PAGE):
        assert (docs / link).is_file()


def test_it_has_a_date():
    assert re.search(r"^Written on \d+ \w+ 20\d\d ", PAGE, re.MULTILINE)


def test_what_is_missing_here_is_said_before_the_table():
    missing = section("What TracedModel does not do")
    assert PAGE.index(missing) < PAGE.index("| TracedModel |")
    for task in Task:
        assert task.value in missing
    for what in ("traffic splitting", "GPUs", "LLMs", "streaming", "One model a server"):
        assert what in missing
    assert "has not met a real NeuronCore" in missing


def test_targets_and_api_version_are_those_that_there_are():
    (version,) = definition()["spec"]["versions"]
    assert f"alpha, `{version['name']}`" in PAGE
    assert {target.value for target in Target} == {"CPU", "Inf1"}
    (hardware,) = [row[1] for row in ROWS if row[0] == "hardware"]
    assert hardware == "Inf1, CPUs"
