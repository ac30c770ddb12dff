import re
from pathlib import Path

from tracedmodel_api import conditions
from tracedmodel_api.report import REASONS

PAGE = (Path(__file__).parents[2] / "docs" / "errors.md").read_text(encoding="utf-8")
TYPES = {"Ready", "Exported", "Available", "Reconciling", "Stalled", "Suspended"}


def section(title: str) -> str:
    return PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]


def test_the_page_has_the_table_of_reasons_as_it_stands_in_the_code():
    rows = [line for line in section("How a process ends").splitlines() if line.startswith("| `")]
    assert rows == [
        f"| `{r.name}` | {r.failure_class.value} | {r.exit_code} | {r.meaning} | {r.remedy} |"
        for r in REASONS.values()
    ]


def test_the_page_explains_every_reason_of_a_condition():
    named = re.findall(r"^\| `(\w+)` \|", section("Reasons of conditions"), re.MULTILINE)
    constants = {value for name, value in vars(conditions).items() if name.isupper()}
    assert set(named) == constants - TYPES
    assert len(named) == len(set(named))
