"""What somebody who reads a page from its beginning has by the time of a block: variables, files, a server to ask."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from pages.blocks import ROOT, Block, Refused
from pages.shell import Command, Shell, dialogue

_FILE = re.compile(r"[\w.-]+\.\w+")
_PLACEHOLDER = re.compile(r"[A-Z][A-Z_]*")
_OUTPUT = re.compile(r"-\w*o|--output")
_MODEL = re.compile(r"/models/[\w.-]+")
_LOCAL = re.compile(r"http://(?:127\.0\.0\.1|localhost)(?::\d+)?")
_ELSEWHERE = ("http://", "https://", "oci://", "/")


class Served(NamedTuple):
    """A server to ask: its address, and the name of its model there."""

    address: str
    name: str

    def asked(self, text: str) -> str:
        """Return a path or a program of a page as this server has to be asked."""
        return _MODEL.sub(f"/models/{self.name}", _LOCAL.sub(self.address, text))


def no_server(_: str) -> Served:
    """Refuse to be asked."""
    raise Refused("a request to a served model, where no server was started")


@dataclass
class Desk:
    """``ask`` returns a server of a model that a page names."""

    page: str
    ask: Callable[[str], Served] = no_server
    shell: Shell = field(default_factory=Shell)
    copies: dict[str, str] = field(default_factory=dict)
    """Names of folders and files that the page copies, and of what."""
    files: dict[str, str | None] = field(default_factory=dict)
    """Files that the page writes or shows; None: only running its commands would tell what is in them."""

    def read(self, earlier: Iterable[Block]) -> Desk:
        """Take in what the blocks above leave behind."""
        for block in earlier:
            if block.language in ("sh", "console"):
                # What is wrong with a block is said of that block.
                with suppress(Refused):
                    for command in self.commands(block):
                        self.note(command)
            else:
                named = [name for name in block.spoken if _FILE.fullmatch(name)]
                self.files.update(dict.fromkeys(named, block.text))
        return self

    def commands(self, block: Block) -> list[Command]:
        """Return all commands of a block."""
        if block.language == "sh":
            return self.shell.commands(block.text)
        return [c for one in dialogue(block.text) for c in self.shell.commands(one.typed)]

    def note(self, command: Command) -> None:
        """Keep the files that a command writes, copies or downloads."""
        if command.words[0] == "cp":
            *_, source, copy = command.words
            if source in self.files:
                self.files[copy] = self.files[source]
            else:
                self.copies[copy.rstrip("/")] = source
        if command.words[0] == "curl":
            pairs = pairwise(command.words)
            self.files.update({name: None for flag, name in pairs if _OUTPUT.fullmatch(flag)})
        known = command.given if command.words[:1] in (("cat",), ("tee",)) else None
        written = [*command.files, *(command.words[1:] if command.words[0] == "tee" else ())]
        self.files.update(dict.fromkeys(written, known))

    def text(self, name: str, given: str | None = None) -> str | None:
        """Return what is in a file or a folder, None where the page cannot tell; refuses one that is nowhere."""
        if name == "-":
            if given is None:
                raise Refused("`-` reads standard input, and nothing is written there")
            return given
        if name in self.files:
            return self.files[name]
        if _PLACEHOLDER.fullmatch(name) or name.startswith(_ELSEWHERE):
            return None
        path = self.path(name)
        files = sorted(path.glob("*.y*ml")) if path.is_dir() else [path]
        return "\n---\n".join(file.read_text(encoding="utf-8") for file in files)

    def path(self, name: str) -> Path:
        """Return a file or folder of the project; a bare name may be one of the examples."""
        copy, _, below = name.partition("/")
        copied = ROOT / self.copies.get(copy, "nowhere") / below
        for found in (ROOT / name, ROOT / "examples" / name, copied):
            if found.exists():
                return found
        raise Refused(
            f"{name} is no file of the project and no example, and nothing above on the page writes it or names it "
            "in the paragraph before a block with its text"
        )

    def lay_out(self, folder: Path) -> None:
        """Make a folder look like the project's, with the files of the page and the examples."""
        for path in [*(ROOT / "examples").glob("*.yaml"), *ROOT.iterdir()]:
            if not path.name.startswith("."):
                (folder / path.name).symlink_to(path)
        for name, source in self.copies.items():
            copy = folder / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.unlink(missing_ok=True)
            copy.symlink_to(self.path(source))
        for name, text in self.files.items():
            if text is not None and _FILE.fullmatch(name):
                (folder / name).unlink(missing_ok=True)
                (folder / name).write_text(text, encoding="utf-8")
