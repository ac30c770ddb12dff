"""Write the plots of docs/benchmarks.md and what it says of results; ``--check`` says whether all is current."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import re
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import plots
from figures import FIGURES, Figure, told
from plots import Results
from tracedmodel_server.capacity import command
from tracedmodel_server.capacity.judge import leave_one_out

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
PICTURES = ROOT / "docs" / "benchmarks"
RESULTS = ROOT / "benchmarks" / "results"
COMMANDS = {
    "export": "make bench",
    "load": "make bench-load",
    "operator": "make bench-operator",
    "operator-cluster": "make bench-operator CLUSTER=1",
    "install": "make bench-install",
    "capacity": "make bench-capacity",
}
TABLES = {**FIGURES, "operator-cluster": FIGURES["operator"]}
"""The same of an API server that is no fake has the same figures."""
DAY = "--traffic examples/traffic/search.yaml --encoder 12x768 --buckets 1x128,8x128 --autoscale"
"""What ``tracedmodel plan-capacity`` is told for the plot of a day."""
_BLOCK = re.compile(r"(<!-- from results: (\S+) (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


@dataclass(frozen=True)
class Plot:
    """A plot of what a results file has under a name; or, without a file, of a simulation."""

    draw: Callable[[Results], str]
    file: str = ""
    needs: str = "machine"


PLOTS = {
    "steps": Plot(plots.steps_plot, "export", "steps"),
    "batches": Plot(plots.batches_plot, "export", "buckets"),
    "load": Plot(plots.load_plot, "load", "load"),
    "created": Plot(plots.created_plot, "operator", "created"),
    "restart": Plot(plots.restart_plot, "operator", "restart"),
    "memory": Plot(plots.memory_plot, "operator", "filled"),
    "bars": Plot(plots.bars_plot),
    "capacity": Plot(lambda _: plots.capacity_plot(leave_one_out())),
    "day": Plot(lambda _: day()),
}


def generated() -> dict[Path, str]:
    """Return the text of each file that comes from results or simulations."""
    results = read_results(RESULTS)
    drawn = draw(results)
    page = fill(PAGE.read_text(encoding="utf-8"), results, drawn)
    return {PAGE: page, **{PICTURES / f"{name}.svg": svg for name, svg in drawn.items()}}


def outdated(wanted: Mapping[Path, str]) -> list[Path]:
    """Return the files that are not as they should be, and pictures that nothing draws any more."""
    there = {path for path in PICTURES.glob("*") if path not in wanted}
    changed = {
        path
        for path, text in wanted.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    }
    return sorted(changed | there)


def read_results(folder: Path) -> dict[str, Results]:
    """Return what was recorded, by name."""
    files = (folder / f"{name}.json" for name in TABLES)
    return {file.stem: json.loads(file.read_text("utf-8")) for file in files if file.exists()}


def draw(results: Mapping[str, Results]) -> dict[str, str]:
    """Return the plots that can be drawn of what was recorded."""
    return {
        name: plot.draw(results.get(plot.file, results))
        for name, plot in PLOTS.items()
        if not plot.file or plot.needs in results.get(plot.file, {})
    }


def day() -> str:
    """Return the plot that ``tracedmodel plan-capacity --autoscale`` draws of its documented example."""
    parser = argparse.ArgumentParser()
    command.configure(parser)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(ROOT):
        file = Path(folder) / "day.svg"
        with contextlib.redirect_stdout(io.StringIO()):
            command.run(parser.parse_args([*DAY.split(), "--plot", str(file)]))
        return file.read_text(encoding="utf-8")


def fill(page: str, results: Mapping[str, Results], drawn: Mapping[str, str]) -> str:
    """Return the page with its blocks written anew."""

    def block(found: re.Match[str]) -> str:
        kind, name = found[2], found[3]
        if kind == "plot":
            text = picture(name, drawn)
        elif kind == "table":
            text = table(name, results)
        else:
            text = machines(results)
        return f"{found[1]}\n{text}\n{found[4]}"

    return _BLOCK.sub(block, page)


def picture(name: str, drawn: Mapping[str, str]) -> str:
    """Return the line that shows a plot, its title for those who cannot see it."""
    if name not in drawn:
        return _missing(PLOTS[name].file)
    title = re.search(r"<title>(.*?)</title>", drawn[name])
    assert title  # noqa: S101  # every picture has one
    return f"![{title[1]}](benchmarks/{name}.svg)\n"


def table(name: str, results: Mapping[str, Results]) -> str:
    """Return the table of a results file."""
    if name not in results:
        return _missing(name)
    rows = (_row(one, results[name][one.name]) for one in TABLES[name])
    return "| figure | what it is | measured | bar |\n|---|---|---|---|\n" + "".join(rows)


def _row(figure: Figure, value: float) -> str:
    bar = "" if figure.bar is None else f"{figure.bar:,g} {figure.unit}".rstrip()
    missed = ", missed" if figure.bar is not None and value > figure.bar else ""
    measured = f"{told(value)} {figure.unit}".rstrip()
    return f"| `{figure.name}` | {figure.text} | {measured}{missed} | {bar} |\n"


def machines(results: Mapping[str, Results]) -> str:
    """Return the table of what was measured where."""
    rows = (
        f"| `{COMMANDS[name]}` | [{name}.json](../benchmarks/results/{name}.json) "
        f"| {one['machine']}, torch {one['versions']['torch']} |\n"
        for name, one in results.items()
    )
    return "| command | results | machine |\n|---|---|---|\n" + "".join(rows)


def _missing(name: str) -> str:
    return f"Not recorded yet: `{COMMANDS[name]}`, then `make generate`.\n"


def main() -> int:
    """Write the files, or compare them with the committed ones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say what is out of date")
    check = parser.parse_args().check
    wanted = generated()
    found = outdated(wanted)
    for path in found:
        if check:
            sys.stderr.write(f"{path.relative_to(ROOT)} is out of date: run `make generate`\n")
        elif path in wanted:
            path.parent.mkdir(exist_ok=True)
            path.write_text(wanted[path], encoding="utf-8")
        else:
            path.unlink()
    return 1 if check and found else 0


if __name__ == "__main__":
    sys.exit(main())
