"""What a shell makes of a text: the commands, word by word. shfmt parses it; nothing is run."""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from pages.blocks import Refused

Node = dict[str, Any]
_SHFMT = Path(sysconfig.get_path("scripts")) / "shfmt"
_OWN = {name: f"${name}" for name in ("HOME", "PATH", "PWD", "USER")}
"""Variables that every shell has."""


@dataclass(frozen=True)
class Command:
    """A simple command; the line is that of the text, from 1. ``files`` are those that its output goes to."""

    line: int
    words: tuple[str, ...]
    given: str | None = None
    """What stands on its standard input, if the text says so."""
    files: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join(self.words)


class Exchange(NamedTuple):
    """What is typed after a prompt, and what is shown below it."""

    line: int
    typed: str
    shown: str


def dialogue(text: str) -> list[Exchange]:
    """Return the exchanges of a terminal; a command goes on in the next line after a backslash."""
    found: list[list[Any]] = []
    typing = False
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        if line.startswith("$ "):
            found.append([number, line[2:], ""])
        elif not found:
            raise Refused(f"a console block begins with a command after `$ `, not with {line!r}")
        else:
            found[-1][1 if typing else 2] += line
        typing = (line.startswith("$ ") or typing) and line.endswith("\\\n")
    return [Exchange(*one) for one in found]


@dataclass
class Shell:
    """The variables of whoever types a page from its beginning."""

    variables: dict[str, str] = field(default_factory=lambda: dict(_OWN))

    def commands(self, text: str) -> list[Command]:
        """Return the simple commands of a text, those in loops and substitutions included."""
        return list(self._commands(_parsed(text)))

    def _commands(self, node: Any, given: str | None = None) -> Iterator[Command]:
        if isinstance(node, list):
            for one in node:
                yield from self._commands(one)
        elif isinstance(node, dict) and "Cmd" in node:
            yield from self._statement(node, given)
        elif isinstance(node, dict):
            for one in node.values():
                yield from self._commands(one)

    def _statement(self, node: Node, given: str | None) -> Iterator[Command]:
        command, redirections = node["Cmd"], node.get("Redirs", [])
        yield from self._commands(redirections)
        for one in redirections:
            given = self._document(one) if "Hdoc" in one else given
        if command["Type"] == "CallExpr":
            yield from self._call(command, given, redirections)
        elif command["Type"] == "BinaryCmd":
            first = list(self._commands(command["X"], given))
            piped = command["Op"] == "|" and len(first) == 1 and first[0].words == ("cat",)
            yield from first
            yield from self._commands(command["Y"], first[0].given if piped else None)
        else:
            if command["Type"] == "DeclClause":
                self._assign(command["Args"])
            elif command["Type"] == "ForClause":
                self._begin(command["Loop"])
            yield from self._commands(command)

    def _begin(self, loop: Node) -> None:
        """Go into a loop as it is the first time."""
        words = [self._word(one) for one in loop["Items"]]
        self.variables[loop["Name"]["Value"]] = words[0]

    def _call(self, call: Node, given: str | None, redirections: list[Node]) -> Iterator[Command]:
        yield from self._commands([call.get("Assigns", []), call.get("Args", [])])
        if "Args" not in call:
            self._assign(call["Assigns"])
            return
        words = tuple(self._word(one) for one in call["Args"])
        outputs = [one for one in redirections if one["Op"] in (">", ">>", "&>", ">|")]
        for one in redirections:
            if one["Op"] == "<":
                raise Refused(f"`<{self._word(one['Word'])}` reads a file: write NAME, not <name>")
        files = tuple(self._word(one["Word"]) for one in outputs)
        yield Command(call["Pos"]["Line"], words, given, files)

    def _assign(self, assignments: list[Node]) -> None:
        for one in assignments:
            if "Name" in one:
                value = self._word(one["Value"]) if "Value" in one else ""
                self.variables[one["Name"]["Value"]] = value

    def _document(self, redirection: Node) -> str:
        parts = redirection["Hdoc"].get("Parts", [])
        if redirection["Word"]["Parts"][0]["Type"] != "Lit":
            return "".join(str(one["Value"]) for one in parts)
        return "".join(self._quoted(one) for one in parts)

    def _word(self, word: Node) -> str:
        return "".join(self._part(one) for one in word.get("Parts", []))

    def _part(self, part: Node) -> str:
        if part["Type"] == "Lit":
            return re.sub(r"\\(\n|.)", lambda m: "" if m[1] == "\n" else m[1], part["Value"])
        if part["Type"] == "SglQuoted":
            return str(part.get("Value", ""))
        if part["Type"] == "DblQuoted":
            return "".join(self._quoted(one) for one in part.get("Parts", []))
        if part["Type"] == "ParamExp":
            return self._variable(part["Param"]["Value"])
        # What a substitution gives, only running it could tell; the command in it is judged as any other.
        return "substituted"

    def _quoted(self, part: Node) -> str:
        if part["Type"] != "Lit":
            return self._part(part)
        return re.sub(r"\\([$`\"\\\n])", lambda m: m[1].strip("\n"), part["Value"])

    def _variable(self, name: str) -> str:
        if name not in self.variables:
            raise Refused(f"${name} is set nowhere on the page before this")
        return self.variables[name]


@functools.cache
def _parsed(text: str) -> Node:
    run = [str(_SHFMT), "--to-json"]
    answer = subprocess.run(run, input=text, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise Refused(f"no shell takes it: {answer.stderr.strip()}")
    found: Node = json.loads(answer.stdout)
    return found
