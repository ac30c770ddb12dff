"""Look with scanners at what the chart makes, and fail on what docs/security.md does not explain."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from chart import WIDEST, Object, render

PAGE = Path(__file__).parents[1] / "docs" / "security.md"
_ROW = re.compile(r"^\| `([\w-]+)` [^|]*\| ([^|]+) \| [^|]+ \|$", re.MULTILINE)
_BEST_GRADE = 10
_FINDINGS = 1
"""The exit code of a scanner that found something."""


class Finding(NamedTuple):
    """A check that an object fails, and the object as KIND/NAME."""

    check: str
    resource: str


def of_checkov(report: Any) -> set[Finding]:
    """Return what a report of checkov complains of, or was told to skip; raises ``ValueError`` if it did not look."""
    results = report.get("results", {})
    if not results.get("passed_checks") or results["parsing_errors"]:
        raise ValueError(f"checkov read nothing, or not all: {json.dumps(report)[:500]}")
    complaints = [*results["failed_checks"], *results["skipped_checks"]]
    return {Finding(one["check_id"], _place(one["resource"])) for one in complaints}


def _place(resource: str) -> str:
    """Return KIND/NAME of checkov's KIND.NAMESPACE.NAME."""
    kind, _, name = resource.split(".", 2)
    return f"{kind}/{name}"


def of_kube_score(report: Any) -> set[Finding]:
    """Return what a report of kube-score complains of; raises ``ValueError`` if it did not look."""
    if not report:
        raise ValueError("kube-score read nothing")
    return {
        Finding(one["check"]["id"], f"{item['type_meta']['kind']}/{item['object_meta']['name']}")
        for item in report
        for one in item["checks"]
        if not one["skipped"] and one["grade"] < _BEST_GRADE
    }


class Scanner(NamedTuple):
    """A program that finds fault with the objects of a file."""

    words: tuple[str, ...]
    """What it is told before the file."""
    read: Callable[[Any], set[Finding]]
    checks: re.Pattern[str]
    """How its checks are called."""


SCANNERS: Mapping[str, Scanner] = {
    "checkov": Scanner(
        ("--framework=kubernetes", "--skip-download", "--soft-fail", "--output=json", "--file"),
        of_checkov,
        re.compile("CKV"),
    ),
    "kube-score": Scanner(
        (
            "score",
            "--output-format=json",
            "--all-default-optional",
            "--disable-ignore-checks-annotations",
            "--kubernetes-version=v1.31",
        ),
        of_kube_score,
        re.compile("[a-z]"),
    ),
}


def explained(page: str, scanner: Scanner) -> set[Finding]:
    """Return the findings of a scanner in the rows of a page."""
    return {
        Finding(check, resource)
        for check, resources in _ROW.findall(page)
        if scanner.checks.match(check)
        for resource in re.findall(r"`([^`]+)`", resources)
    }


def scan(program: Path, scanner: Scanner, objects: Sequence[Object]) -> Any:
    """Return a scanner's report on objects; raises ``subprocess.CalledProcessError`` if it fails."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "objects.yaml"
        file.write_text(yaml.safe_dump_all(objects), encoding="utf-8")
        command = [program, *scanner.words, file]
        done = subprocess.run(command, check=False, stdout=subprocess.PIPE)  # noqa: S603  # the caller's program
    if done.returncode > _FINDINGS:
        done.check_returncode()
    return json.loads(done.stdout)


def found(program: Path, scanner: Scanner) -> set[Finding]:
    """Return the findings in the chart with its defaults and with the most that it can make."""
    value_sets = ({}, yaml.safe_load(WIDEST.read_text(encoding="utf-8")))
    # One at a time: in one look a NetworkPolicy of the one would do for pods of the other.
    reports = (scan(program, scanner, render(values)) for values in value_sets)
    return set().union(*map(scanner.read, reports))


def complaints(seen: set[Finding], told: set[Finding]) -> list[str]:
    """Return a sentence for each finding that is not explained, and for each explanation of none."""
    unexplained = [f"{' '.join(one)}: mend it, or say why it stays" for one in sorted(seen - told)]
    stale = [f"{' '.join(one)}: is not found any more" for one in sorted(told - seen)]
    return unexplained + stale


def check(name: str, program: Path) -> bool:
    """Print what is wrong by a scanner; return whether nothing is."""
    scanner = SCANNERS[name]
    seen = found(program, scanner)
    wrong = complaints(seen, explained(PAGE.read_text(encoding="utf-8"), scanner))
    for sentence in wrong:
        sys.stderr.write(f"docs/security.md: {sentence}\n")
    sys.stdout.write(f"{len(seen)} findings of {name}, {len(wrong)} to do\n")
    return not wrong


def main() -> int:
    """Print what is wrong; return 1 if anything is."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in SCANNERS:
        parser.add_argument(f"--{name}", type=Path, metavar="PROGRAM", help="ask this one")
    options = vars(parser.parse_args())
    programs = {name: options[name.replace("-", "_")] for name in SCANNERS}
    if not any(programs.values()):
        parser.error("name a scanner to ask")
    passed = [check(name, program) for name, program in programs.items() if program]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
