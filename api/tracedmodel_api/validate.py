"""``tracedmodel validate``: says what is wrong with manifests before a cluster does."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tracedmodel_api import manifests
from tracedmodel_api.report import REASONS
from tracedmodel_api.types import KIND

summary = "check TracedModel manifests and say what to write instead"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="a YAML file, or - for standard input"
    )


def run(arguments: argparse.Namespace) -> int:
    """Check every file and return 0, or the exit code of an invalid request."""
    results = [_check(name) for name in arguments.files]
    return 0 if all(results) else REASONS["InvalidRequest"].exit_code


def _check(name: str) -> bool:
    """Print the verdict on one file and tell whether it is good."""
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        sys.stderr.write(f"{name}: cannot be read: {error}\n")
        return False
    found, problems = _judge(text)
    if not found and not problems:
        problems = [f"no {KIND} in it"]
    for problem in problems:
        sys.stderr.write(f"{name}: {problem}\n")
    for title in found:
        sys.stdout.write(f"{name}: {title} is valid\n")
    return not problems


def _judge(text: str) -> tuple[list[str], list[str]]:
    """Return the titles of the good resources and the sentences about the bad ones. Other kinds are left alone."""
    found: list[str] = []
    problems: list[str] = []
    try:
        for document in manifests.read_documents(text):
            if isinstance(document, dict) and document.get("kind", KIND) != KIND:
                continue
            try:
                resource = manifests.parse(document)
                found.append(f"{KIND} {resource.metadata.name}")
            except manifests.InvalidManifest as error:
                problems += [f"{_title(document)}{problem}" for problem in error.problems]
    except manifests.InvalidManifest as error:
        problems += [str(problem) for problem in error.problems]
    return found, problems


def _title(document: object) -> str:
    """Return the name of a resource as a prefix, where there is one to tell documents of a file apart."""
    metadata = document.get("metadata") if isinstance(document, dict) else None
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return f"{name}: " if isinstance(name, str) else ""
