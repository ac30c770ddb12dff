"""docs/benchmarks.md: current, and told if it is not."""

import json
import re
from xml.etree import ElementTree as ET

import pytest

import report
from figures import FIGURES
from recorded import EXPORT, LOAD, OPERATOR

PAGE = report.PAGE.read_text(encoding="utf-8")
DRAWN = "<svg><title>7 &lt; 8</title></svg>"


@pytest.fixture(scope="module")
def wanted():
    """What is generated; it plays a day, which takes seconds."""
    return report.generated()


def test_the_page_and_its_plots_are_those_of_the_results(wanted):
    assert report.outdated(wanted) == []


def test_the_page_shows_every_plot_and_every_figure(wanted):
    blocks = re.findall(r"<!-- from results: (\S+) (\S+) -->", PAGE)
    assert {name for kind, name in blocks if kind == "plot"} == set(report.PLOTS)
    assert (
        {name for kind, name in blocks if kind == "table"}
        == set(report.TABLES)
        == set(report.COMMANDS)
    )
    shown = {path.stem for path in wanted if path.suffix == ".svg"}
    assert set(re.findall(r"\]\(benchmarks/(\w+)\.svg\)", PAGE)) == shown


def test_simulated_plots_are_always_there(wanted):
    for name in ("capacity", "day"):
        ET.fromstring(wanted[report.PICTURES / f"{name}.svg"])


def test_what_was_recorded_is_what_is_described():
    for name, told in report.read_results(report.RESULTS).items():
        recorded = [key for key, value in told.items() if isinstance(value, int | float)]
        assert set(recorded) == {figure.name for figure in report.TABLES[name]}


def test_there_is_no_result_that_the_page_does_not_know():
    assert {file.stem for file in report.RESULTS.iterdir()} <= set(report.TABLES)


def test_the_page_names_the_commands_and_the_day_that_it_shows():
    makefile = (report.ROOT / "Makefile").read_text(encoding="utf-8")
    for command in report.COMMANDS.values():
        assert f"| `{command}` |" in PAGE
        assert f"\n{command.split()[1]}:" in makefile
    assert f"tracedmodel plan-capacity {report.DAY} --plot day.svg\n" in PAGE


def test_every_file_that_the_page_names_is_there():
    for name in re.findall(r"\]\((?!https)([^)#]+)", PAGE):
        assert (report.PAGE.parent / name).exists()


def filled(block, results, drawn=()):
    page = f"before\n<!-- from results: {block} -->\nold\n<!-- end -->\nafter\n"
    found = re.fullmatch(
        r"before\n<!-- from results: \S+ \S+ -->\n\n(.*)\n<!-- end -->\nafter\n",
        report.fill(page, results, dict(drawn)),
        re.DOTALL,
    )
    return found[1]


def test_a_figure_stands_beside_its_bar():
    lines = filled("table operator", {"operator": OPERATOR}).splitlines()
    assert lines[:2] == ["| figure | what it is | measured | bar |", "|---|---|---|---|"]
    assert lines[2] == (
        "| `apply_to_job_p50_ms` | from one apply to its Job, the operator idle: median of 200 "
        "| 5 ms | 30 ms |"
    )
    assert len(lines) == 2 + len(FIGURES["operator"])


def test_a_figure_above_its_bar_is_told():
    slow = {**OPERATOR, "ready_1000_s": 30.5, "requests_per_life": 15.0}
    text = filled("table operator", {"operator": slow})
    assert "| 30.5 s, missed | 30 s |" in text
    assert "| 15 requests, missed | 14 requests |" in text
    assert text.count("missed") == 2


def test_a_figure_without_a_bar_has_none():
    assert "| 8.00 ms |  |" in filled("table load", {"load": {**LOAD, "light_p50_ms": 7.999}})


def test_what_was_not_recorded_says_how_to():
    text = "Not recorded yet: `make bench-load`, then `make generate`.\n"
    assert filled("table load", {}) == filled("plot load", {}) == text


def test_a_plot_has_its_title_for_those_who_cannot_see_it():
    assert filled("plot load", {}, {"load": DRAWN}) == "![7 &lt; 8](benchmarks/load.svg)\n"


def test_machines_are_told_for_what_was_recorded():
    text = filled("machines all", {"export": EXPORT})
    assert text.splitlines()[2:] == [
        "| `make bench` | [export.json](../benchmarks/results/export.json) | a machine, torch 2 |"
    ]


def test_plots_are_drawn_of_what_there_is(monkeypatch):
    monkeypatch.setattr(report, "day", lambda: DRAWN)
    always = {"bars", "capacity", "day"}
    without = {key: value for key, value in OPERATOR.items() if key != "created"}
    drawn = set(report.draw({"operator": without, "export": EXPORT}))
    assert drawn == always | {"restart", "memory", "steps", "batches"}
    everything = {"operator": OPERATOR, "export": EXPORT, "load": LOAD}
    assert set(report.draw(everything)) == set(report.PLOTS)


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A page of its own in an empty project."""
    page, pictures = tmp_path / "page.md", tmp_path / "pictures"
    monkeypatch.setattr(report, "ROOT", tmp_path)
    monkeypatch.setattr(report, "PICTURES", pictures)
    monkeypatch.setattr(report, "generated", lambda: {page: "new", pictures / "a.svg": "<svg/>"})
    return tmp_path


def run(monkeypatch, *words):
    monkeypatch.setattr("sys.argv", ["report.py", *words])
    return report.main()


def test_what_is_out_of_date_is_named_and_written(elsewhere, monkeypatch, capsys):
    assert run(monkeypatch, "--check") == 1
    assert capsys.readouterr().err == (
        "page.md is out of date: run `make generate`\n"
        "pictures/a.svg is out of date: run `make generate`\n"
    )
    assert run(monkeypatch) == 0
    assert run(monkeypatch, "--check") == 0
    assert (elsewhere / "page.md").read_text() == "new"


def test_a_picture_that_nothing_draws_goes(elsewhere, monkeypatch):
    run(monkeypatch)
    old = elsewhere / "pictures" / "old.svg"
    old.touch()
    assert run(monkeypatch, "--check") == 1
    run(monkeypatch)
    assert not old.exists()


def test_results_are_read_by_name(tmp_path):
    (tmp_path / "load.json").write_text(json.dumps(LOAD))
    (tmp_path / "mine.json").write_text("{}")
    assert report.read_results(tmp_path) == {"load": LOAD}
