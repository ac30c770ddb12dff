"""Look with checkov at what the chart makes, and fail on what docs/security.md does not explain."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from chart import WIDEST, Object, render

PAGE = Path(__file__).parents[1] / "docs" / "security.md"
_ROW = re.compile(r"^\| `(CKV\w+)` [^|]*\| ([^|]+) \| [^|]+ \|$", re.MULTILINE)
_OPTIONS = ("--framework", "kubernetes", "--skip-download", "--soft-fail")


class Finding(NamedTuple):
    """A check that an object fails, and the object as KIND/NAME."""

    check: str
    resource: str


def explained(page: str) -> set[Finding]:
    """Return the findings in the rows of a page."""
    return {
        Finding(check, resource)
        for check, resources in _ROW.findall(page)
        for resource in re.findall(r"`([^`]+)`", resources)
    }


def findings(report: dict[str, Any]) -> set[Finding]:
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


def scan(checkov: Path, objects: Sequence[Object]) -> dict[str, Any]:
    """Return checkov's report on objects; raises ``subprocess.CalledProcessError`` if it fails."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "objects.yaml"
        file.write_text(yaml.safe_dump_all(objects), encoding="utf-8")
        command = [checkov, "--file", file, *_OPTIONS, "--output", "json"]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE)  # noqa: S603  # the caller's checkov
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def found(checkov: Path) -> set[Finding]:
    """Return the findings in the chart with its defaults and with the most that it can make."""
    value_sets = ({}, yaml.safe_load(WIDEST.read_text(encoding="utf-8")))
    # One at a time: in one look a NetworkPolicy of the one would do for pods of the other.
    return set().union(*(findings(scan(checkov, render(values))) for values in value_sets))


def complaints(seen: set[Finding], told: set[Finding]) -> list[str]:
    """Return a sentence for each finding that is not explained, and for each explanation of none."""
    unexplained = [f"{' '.join(one)}: mend it, or say why it stays" for one in sorted(seen - told)]
    stale = [f"{' '.join(one)}: is not found any more" for one in sorted(told - seen)]
    return unexplained + stale


def main() -> int:
    """Print what is wrong; return 1 if anything is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkov", type=Path, help="the program")
    seen = found(parser.parse_args().checkov)
    wrong = complaints(seen, explained(PAGE.read_text(encoding="utf-8")))
    for sentence in wrong:
        sys.stderr.write(f"docs/security.md: {sentence}\n")
    sys.stdout.write(f"{len(seen)} findings of checkov, {len(wrong)} to do\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
