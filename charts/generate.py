"""Write what is made of the chart's values, templates and the definition; ``--check`` says whether all is current."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from chart import FOLDER
from chart_manifests import manifests
from chart_readme import readme
from tracedmodel_api import crd

ROOT = Path(__file__).parents[1]


def generated() -> dict[Path, str]:
    """Return the text of each generated file; the chart's definition first, which rendering reads."""
    return {
        FOLDER / "files" / crd.FILE.name: crd.render(),
        FOLDER / "README.md": readme(_read("Chart.yaml"), _read("values.yaml")),
        ROOT / "config" / "crd" / crd.FILE.name: crd.render(),
        **{ROOT / "config" / path: text for path, text in manifests().items()},
    }


def outdated() -> list[Path]:
    """Return the generated files that are not as they should be."""
    return [
        path
        for path, text in generated().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]


def _read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def main() -> int:
    """Write the files, or compare them with the committed ones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say what is out of date")
    if not parser.parse_args().check:
        for path, text in generated().items():
            path.write_text(text, encoding="utf-8")
        return 0
    found = outdated()
    for path in found:
        sys.stderr.write(f"{path.relative_to(ROOT)} is out of date: run `make generate`\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
