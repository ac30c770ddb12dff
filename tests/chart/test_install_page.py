"""docs/install.md and docs/upgrade.md say what the chart, the Makefile and config/ say."""

import json
import re
from pathlib import Path

import yaml

from chart_cases import FOLDER
from chart_readme import rows

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
UPGRADE = (ROOT / "docs" / "upgrade.md").read_text(encoding="utf-8")
VALUES = {
    row.path: row.default for row in rows((FOLDER / "values.yaml").read_text(encoding="utf-8"))
}


def table(first_cell):
    """Return the rows of the table whose head begins with a cell."""
    lines = PAGE[PAGE.index(f"| {first_cell} |") :].partition("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def test_every_value_that_it_names_is_there():
    known = {path for value in VALUES for path in (value, value.rpartition(".")[0])}
    named = {name for _, cell in table("to") for name in re.findall(r"`([\w.]+)`", cell)}
    named |= set(re.findall(r"--set '?([\w.]+)=", PAGE))
    named |= set(re.findall(r"`((?:settings|networkPolicy|crds)\.\w+)\b", PAGE + UPGRADE))
    assert len(named) > 20
    assert named <= known


def test_the_folders_are_those_that_there_are():
    there = {f"config/{folder.name}" for folder in (ROOT / "config").iterdir()}
    assert set(re.findall(r"config/\w+", PAGE)) == there
    assert sorted(row[0].strip("`") for row in table("folder")) == sorted(there)


def test_the_kubernetes_that_it_asks_for_is_the_chart_s():
    wanted = yaml.safe_load((FOLDER / "Chart.yaml").read_text(encoding="utf-8"))["kubeVersion"]
    least = re.search(r"[0-9]+[.][0-9]+", wanted)[0]
    assert f"Kubernetes {least} or newer" in PAGE
    assert f"Kubernetes itself has to be {least} or newer" in UPGRADE


def test_the_api_server_s_ports_are_the_default():
    first, second = json.loads(VALUES["networkPolicy.apiServerPorts"])
    assert f"API server on ports {first} and {second}" in PAGE


def test_the_image_s_parts_make_its_sum_and_that_keeps_its_promise():
    *parts, (_, total) = table("what | MB")
    assert sum(int(size) for _, size in parts) == int(total)
    assert int(total) <= int(re.search(r"It may have (\d+) MB at most", PAGE)[1])


def test_the_time_that_it_gives_was_measured():
    file = ROOT / "benchmarks" / "results" / "install.json"
    measured = json.loads(file.read_text(encoding="utf-8"))
    assert f"come up, in {measured['ready_p50_s']:.0f} s" in PAGE
    assert measured["ready_worst_s"] <= 10
