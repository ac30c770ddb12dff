"""Every program that a page may call, and what is looked at in its words."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
from collections.abc import Callable

import tomllib

from pages import curl, documents, helm, kubectl, tracedmodel
from pages.blocks import ROOT, Refused
from pages.desk import Desk
from pages.shell import Command

Checker = Callable[[Command, Desk, str | None], None]
_VENV = re.compile(r"^\.venv[\w-]*/bin/")
_FOLDERS = {path.name for path in ROOT.iterdir() if path.is_dir() and path.name[0] != "."}
_YAML = re.compile(r"[\w./-]+\.ya?ml")
_EXTRAS = re.compile(r"tracedmodel\[([\w,]+)\]")

OUTSIDE = {
    "argocd": "it asks an Argo CD",
    "aws": "it asks AWS, for money",
    "cat": "what it writes is kept for the commands below",
    "cd": "it only goes elsewhere",
    "cp": "what it copies is known below by the other name, too",
    "cut": "as grep",
    "date": "its output is never the same",
    "docker": "it builds and starts containers, which need a daemon and the network",
    "echo": "it only repeats",
    "eksctl": "it makes clusters on AWS, for money",
    "flux": "it asks a cluster with Flux",
    "git": "it needs the network",
    "grep": "it reads what another command writes",
    "head": "as grep",
    "jq": "as grep",
    "kind": "it makes clusters out of containers, which need a daemon and the network",
    "mkdir": "it only makes a folder",
    "podman": "as docker",
    "rm": "it only removes what the page made",
    "sed": "as grep",
    "sleep": "it waits",
    "sort": "as grep",
    "source": "it loads what another command writes",
    "tail": "as grep",
    "tar": "it unpacks what only a download brings",
    "tee": "as cat",
}
"""Programs that are not run, and why. The files that they name have to be there."""


def check(command: Command, desk: Desk, shown: str | None) -> None:
    """Refuse a command that does not do what it says, and one of a program that nobody here knows."""
    program = _VENV.sub("", command.words[0])
    desk.note(command)
    _check_files(command)
    if program in _CHECKED:
        if len(command.words) > 1:
            _CHECKED[program](command, desk, shown)
    elif program in OUTSIDE:
        _check_yaml(command, desk)
    else:
        raise Refused(
            f"{program}: say in tests/fakes/pages/programs.py how it is checked, or why it is not"
        )


def _check_files(command: Command) -> None:
    """Refuse paths into the project that lead nowhere."""
    for word in command.words[1:]:
        path = word.rpartition("=")[2].removeprefix("./").rstrip("/")
        if path.partition("/")[0] in _FOLDERS and "/" in path and not (ROOT / path).exists():
            raise Refused(f"{path} is not there")


def _check_yaml(command: Command, desk: Desk) -> None:
    """Refuse files of YAML that are nowhere, or are not what they have to be."""
    for word in command.words[1:]:
        name = word.rpartition("=")[2]
        text = desk.text(name) if _YAML.fullmatch(name) else None
        if text is not None:
            documents.check_text(text)


def _check_kubectl(command: Command, desk: Desk, shown: str | None) -> None:
    plugin = command.words[1] == "tracedmodel"
    (tracedmodel.check_plugin if plugin else kubectl.check)(command, desk, shown)
    if "--" in command.words:
        inside = command.words[command.words.index("--") + 1 :]
        check(Command(command.line, inside), desk, shown)


def _check_make(command: Command, _: Desk, __: str | None) -> None:
    """Refuse a target that there is not. Nothing is made."""
    run = ["make", "--no-print-directory", "-n", *command.words[1:]]
    # Of a make that runs these tests it would take over the options.
    plain = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    answer = subprocess.run(run, cwd=ROOT, env=plain, capture_output=True, text=True, check=False)
    # Of a folder make says that there is nothing to be done.
    if answer.returncode or "Nothing to be done" in answer.stdout:
        raise Refused(f"make has no such target: {answer.stderr.strip() or answer.stdout.strip()}")


def _check_pip(command: Command, _: Desk, __: str | None) -> None:
    """Refuse extras that there are not. Nothing is installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = {name for found in _EXTRAS.findall(str(command)) for name in found.split(",")}
    unknown = asked - project["optional-dependencies"].keys()
    if unknown:
        raise Refused(f"tracedmodel has no extra {', '.join(sorted(unknown))}")


def _check_python(command: Command, _: Desk, __: str | None) -> None:
    """Refuse modules that there are not. Nothing is run."""
    words = list(command.words)
    for name in words[words.index("-m") + 1 :][:1] if "-m" in words else ():
        if importlib.util.find_spec(name) is None:
            raise Refused(f"there is no module {name}")


_CHECKED: dict[str, Checker] = {
    "curl": curl.check,
    "helm": helm.check,
    "kubectl": _check_kubectl,
    "kubectl-tracedmodel": lambda command, desk, shown: tracedmodel.check_plugin(
        Command(command.line, ("kubectl", "tracedmodel", *command.words[1:])), desk, shown
    ),
    "make": _check_make,
    "pip": _check_pip,
    "pytest": _check_python,
    "python": _check_python,
    "python3": _check_python,
    "tracedmodel": tracedmodel.check,
}
