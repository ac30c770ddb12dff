"""The one program ``tracedmodel``: its commands are entry points, so that no part imports another for their sake."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol

from tracedmodel_api import __version__
from tracedmodel_api.report import Failure

_INTERRUPTED = 130
GROUP = "tracedmodel.commands"
_EXTRAS = {"run": "local"}
"""Commands that need more than the extra of their own part."""


class Command(Protocol):
    """What an entry point of the group names: a module-level object that describes and runs one command."""

    summary: str

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the command's arguments."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Run the command and return the exit code."""


def _load(entry: EntryPoint) -> Command | str:
    """Return the command, or the sentence that says what must be installed for it."""
    try:
        command: Command = entry.load()
    except ImportError as error:
        extra = _EXTRAS.get(entry.name) or entry.module.split(".")[0].removeprefix("tracedmodel_")
        return f"needs `pip install 'tracedmodel[{extra}]'` ({error})"
    return command


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tracedmodel",
        description="Managed export and serving of transformers models on Kubernetes.",
    )
    parser.add_argument("--version", action="version", version=f"tracedmodel {__version__}")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code: 0, 2 for a wrong call, or that of the failure's reason."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    entries = {entry.name: entry for entry in entry_points(group=GROUP)}
    # Only the command that is called is imported: an exporter must not pay for the server's libraries.
    named = next((word for word in arguments if not word.startswith("-")), None)
    parser = _parser()
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name in sorted(entries):
        if named in entries and name != named:
            continue
        loaded = _load(entries[name])
        if isinstance(loaded, str):
            if name == named:
                parser.error(f"`{name}` {loaded}")
            commands.add_parser(name, help=loaded)
            continue
        sub = commands.add_parser(name, help=loaded.summary, description=loaded.summary)
        loaded.configure(sub)
        sub.set_defaults(run=loaded.run)
    return carry_out(parser.parse_args(arguments))


def carry_out(parsed: argparse.Namespace) -> int:
    """Run the command that was chosen and return its exit code; a failure becomes its sentence and its own code."""
    try:
        return int(parsed.run(parsed))
    except Failure as failure:
        sys.stderr.write(f"{failure.reason.name}: {failure}\n{failure.reason.remedy}\n")
        return failure.reason.exit_code
    except KeyboardInterrupt:
        return _INTERRUPTED
