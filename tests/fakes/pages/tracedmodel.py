"""`tracedmodel` and `kubectl tracedmodel` on a page: their own parsers, and where nothing else is needed they are run."""

from __future__ import annotations

import argparse
import io
import tempfile
from contextlib import chdir, redirect_stderr, redirect_stdout
from importlib.metadata import entry_points
from pathlib import Path
from unittest import mock

from pages.arguments import taken
from pages.blocks import Refused
from pages.desk import Desk
from pages.shell import Command
from shown import SHOWN, likeness
from tracedmodel_api import cli
from tracedmodel_operator.cli import program

_RUN = ("explain", "plan-capacity", "validate")
"""What needs neither cluster, store nor model. An export takes minutes; `run` and `serve` end when they are told to."""
_FILES = ("file", "files", "manifest", "traffic", "times")


def check(command: Command, desk: Desk, shown: str | None) -> None:
    """Refuse what the program does not take, what fails, and an output that it does not write."""
    name, words = command.words[1], command.words[2:]
    if name in ("--help", "--version"):
        return
    arguments = taken(_parser(name).parse_args, words)
    _check_files(arguments, command, desk)
    if name in _RUN and (desk.page, str(command)) not in SHOWN:
        _compare(_run(command, desk), shown)
    else:
        _compare_with_kept(command, desk, shown)


def check_plugin(command: Command, desk: Desk, shown: str | None) -> None:
    """Refuse what `kubectl tracedmodel` does not take, and an output that it does not write."""
    arguments = taken(program.parser().parse_args, command.words[2:])
    _check_files(arguments, command, desk)
    _compare_with_kept(command, desk, shown)


def _parser(name: str) -> argparse.ArgumentParser:
    found = [one for one in entry_points(group=cli.GROUP) if one.name == name]
    if not found:
        raise Refused(f"tracedmodel has no command {name}")
    parser = argparse.ArgumentParser(prog=f"tracedmodel {name}")
    found[0].load().configure(parser)
    return parser


def _check_files(arguments: argparse.Namespace, command: Command, desk: Desk) -> None:
    for name in _FILES:
        given = getattr(arguments, name, None)
        for file in given if isinstance(given, list) else [given]:
            if file is not None:
                desk.text(str(file), command.given)


def _run(command: Command, desk: Desk) -> str:
    """Return what a command writes, on either stream; refuses one that fails."""
    said = io.StringIO()
    with tempfile.TemporaryDirectory() as folder:
        desk.lay_out(Path(folder))
        typed = mock.patch("sys.stdin", io.StringIO(command.given))
        with chdir(folder), typed, redirect_stdout(said), redirect_stderr(said):
            code = cli.main(command.words[1:])
    if code:
        raise Refused(f"it ends with {code}: {said.getvalue().strip()}")
    return said.getvalue()


def _compare_with_kept(command: Command, desk: Desk, shown: str | None) -> None:
    if shown is None:
        return
    key = (desk.page, str(command))
    if key not in SHOWN:
        raise Refused("nothing says that it writes this: add it to tests/fakes/shown.py")
    _compare(likeness(key, SHOWN[key]()), likeness(key, shown))


def _compare(written: str, shown: str | None) -> None:
    if shown is not None and shown != written:
        raise Refused(f"it writes something else:\n{written}")
