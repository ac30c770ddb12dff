import ast
import inspect
from pathlib import Path

from tracedmodel_api import conditions
from tracedmodel_api.report import REASONS

PAGE = (Path(__file__).parents[2] / "docs" / "errors.md").read_text(encoding="utf-8")
TYPES = ["Ready", "Exported", "Available", "Reconciling", "Stalled", "Suspended"]


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def rows(title: str) -> list[list[str]]:
    """Return the cells of a section's only table, without its head."""
    lines = [line for line in section(title).splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def meanings() -> dict[str, str]:
    """Return the sentence that stands below each constant."""
    body = ast.parse(inspect.getsource(conditions)).body
    return {
        f"`{node.value.value}`": " ".join(body[position + 1].value.value.split())
        for position, node in enumerate(body)
        if isinstance(node, ast.Assign)
    }


def test_explains_every_condition_as_the_code_does():
    quoted = [f"`{name}`" for name in TYPES]
    assert [row[:2] for row in rows("Conditions")] == [[name, meanings()[name]] for name in quoted]


def test_explains_every_reason_of_a_condition_as_the_code_does():
    expected = {name: text for name, text in meanings().items() if name.strip("`") not in TYPES}
    found = rows("Reasons of conditions")
    assert {name: text for name, _, text, _ in found} == expected
    assert len(found) == len(expected)


def test_says_what_to_do_about_every_one():
    assert all(len(row) == 3 and all(row) for row in rows("Conditions"))
    assert all(len(row) == 4 and all(row) for row in rows("Reasons of conditions"))


def test_has_the_table_of_reasons_as_it_stands_in_the_code():
    lines = section("How a process ends").splitlines()
    assert [line for line in lines if line.startswith("| `")] == [
        f"| `{r.name}` | {r.failure_class.value} | {r.exit_code} | {r.meaning} | {r.remedy} |"
        for r in REASONS.values()
    ]
