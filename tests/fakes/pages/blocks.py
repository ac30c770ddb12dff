"""The blocks of code of a page, as CommonMark reads it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[3]
_FOLDERS = ("argocd", "benchmarks", "charts", "config", "docs", "examples", "tests")


class Refused(AssertionError):  # noqa: N818  # says what it is
    """What is wrong with a block, and how it has to be."""


@dataclass(frozen=True)
class Block:
    """A fenced block; the line is that of its fence. ``spoken`` is what the paragraph above sets in code."""

    page: str
    line: int
    language: str
    text: str
    spoken: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """Return every page of the project."""
    below = (page for folder in _FOLDERS for page in (ROOT / folder).rglob("*.md"))
    return sorted([*ROOT.glob("*.md"), *below])


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a page in their order."""
    return list(blocks_of(page.relative_to(ROOT).as_posix(), page.read_text(encoding="utf-8")))


def blocks_of(name: str, text: str) -> Iterator[Block]:
    """Yield the blocks of a text. Those that are only indented, or have no language, have the language ``""``."""
    spoken: tuple[str, ...] = ()
    for token in MarkdownIt("commonmark").parse(text):
        if token.type == "inline":
            spoken = tuple(part.content for part in token.children if part.type == "code_inline")
        elif token.type in ("fence", "code_block"):
            language, *_ = [*token.info.split(), ""]
            yield Block(name, token.map[0] + 1, language, token.content, spoken)
