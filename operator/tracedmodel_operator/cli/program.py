"""``kubectl tracedmodel``: the program that kubectl finds as ``kubectl-tracedmodel``, and its completion."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import argcomplete
from argcomplete.finders import CompletionFinder

from tracedmodel_api import __version__
from tracedmodel_api.cli import Command, carry_out
from tracedmodel_operator.cli import (
    artifacts,
    buckets,
    completion,
    diff,
    logs,
    retry,
    status,
    wait,
)

_COMMANDS: dict[str, Command] = {
    "status": status,
    "buckets": buckets,
    "logs": logs,
    "artifacts": artifacts,
    "diff": diff,
    "wait": wait,
    "retry": retry,
    "completion": completion,
}
_NO_FILES = ":4"
"""What kubectl reads at the end of completions: it is not to offer files (cobra's ShellCompDirectiveNoFileComp)."""
_FILES = ":0"


def parser() -> argparse.ArgumentParser:
    """Return the program's parser; its usage says how kubectl calls it."""
    found = argparse.ArgumentParser(
        prog="kubectl tracedmodel",
        description="What is true of TracedModels, why, and what to do about it. Reads alone, but for retry.",
    )
    found.add_argument("--version", action="version", version=f"kubectl-tracedmodel {__version__}")
    commands = found.add_subparsers(metavar="COMMAND", required=True)
    for name, command in _COMMANDS.items():
        sub = commands.add_parser(name, help=command.summary, description=command.summary)
        command.configure(sub)
        sub.set_defaults(run=command.run)
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code: 0, 1 for no answer, 2 for a wrong call, or a failure's own."""
    made = parser()
    argcomplete.autocomplete(made)
    return carry_out(made.parse_args(argv))


def complete(words: Sequence[str]) -> list[str]:
    """Return what the last of the words after ``kubectl tracedmodel`` may become."""
    *before, last = words or ("",)
    finder = CompletionFinder(parser(), always_complete_options=False)
    # What autocomplete() does besides, on the file descriptors 8 and 9 of a shell, kubectl does not give.
    asked = (["kubectl-tracedmodel", *before], last, "", None)
    found = finder._get_completions(*asked)  # type: ignore[no-untyped-call]  # noqa: SLF001
    return [word.strip() for word in found]


def complete_for_kubectl() -> int:
    """Write the completions as kubectl reads them of a plugin: one a line, and what to do with them at the end."""
    words = sys.argv[1:]
    found = complete(words)
    of_file = len(words) > 1 and words[0] == "diff" and not words[-1].startswith("-")
    end = _FILES if of_file else _NO_FILES
    sys.stdout.write("".join(f"{word}\n" for word in found) + f"{end}\n")
    return 0
