"""docs/gitops.md says what the tools make of a TracedModel, and names what there is."""

import re
from pathlib import Path

import pytest

from contract import STATES
from gitops import argo, flux

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "gitops.md").read_text(encoding="utf-8")
SHOWN = PAGE.partition("\n## What it shows\n")[2].partition("\n## ")[0]
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in SHOWN.splitlines()
    if line.startswith("|")
][2:]


def conditions(item):
    return {condition["type"]: condition for condition in item["status"].get("conditions", ())}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_shows_every_state_as_the_tools_do(row):
    item = STATES[row[0]].item()
    found = conditions(item)
    answers = found.get("Available", {}).get("status") == "True"
    reason = found.get("Ready", {}).get("reason", "")
    assert row[1:] == [reason, argo(item)[0], flux(item), "yes" if answers else "no"]


def test_shows_everything_that_argo_cd_can_say():
    assert {row[2] for row in ROWS} == {state.verdicts[1] for state in STATES.values()}


def test_links_lead_somewhere_and_to_every_example():
    links = re.findall(r"\]\(([^)#]+)\)", PAGE)
    assert all((ROOT / "docs" / link).exists() for link in links)
    linked = {(ROOT / "docs" / link).resolve() for link in links} - {ROOT / "examples" / "gitops"}
    files = [file for file in (ROOT / "examples" / "gitops").rglob("*") if file.is_file()]
    assert [file for file in files if not linked & {file, file.parent}] == []


def test_the_index_of_the_docs_has_the_page():
    assert "(docs/gitops.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
