"""``kubectl tracedmodel``: the program that kubectl finds as ``kubectl-tracedmodel``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from tracedmodel_api import __version__
from tracedmodel_api.cli import Command
from tracedmodel_api.report import Failure
from tracedmodel_operator.cli import (
    artifacts,
    buckets,
    diff,
    logs,
    retry,
    status,
    wait,
)

_INTERRUPTED = 130
_COMMANDS: dict[str, Command] = {
    "status": status,
    "buckets": buckets,
    "logs": logs,
    "artifacts": artifacts,
    "diff": diff,
    "wait": wait,
    "retry": retry,
}


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
    parsed = made.parse_args(argv)
    try:
        return int(parsed.run(parsed))
    except Failure as failure:
        sys.stderr.write(f"{failure.reason.name}: {failure}\n{failure.reason.remedy}\n")
        return failure.reason.exit_code
    except KeyboardInterrupt:
        return _INTERRUPTED
