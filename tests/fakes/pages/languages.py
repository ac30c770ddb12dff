"""Every language that a block may have, and what has to be true of a block of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence

from pydantic import ValidationError

from pages import documents, programs
from pages.blocks import Block, Refused
from pages.desk import Desk, Served, no_server
from pages.ours import check_names
from pages.requests import check_request
from pages.shell import dialogue
from tracedmodel_operator.settings import ScalingSettings

Checker = Callable[[Block, Desk], None]


def refusal(
    page: Sequence[Block], number: int, ask: Callable[[str], Served] = no_server
) -> str | None:
    """Return what is wrong with a block of a page, and where."""
    try:
        check(page, number, ask)
    except Refused as refused:
        return f"{page[number]}: {refused}"
    return None


def check(page: Sequence[Block], number: int, ask: Callable[[str], Served] = no_server) -> None:
    """Refuse a block of a page, after what the blocks above it leave behind."""
    block = page[number]
    if block.language not in LANGUAGES:
        known = ", ".join(LANGUAGES)
        raise Refused(f"its language is {block.language!r}: write ```LANGUAGE, one of {known}")
    check_names(block.text)
    LANGUAGES[block.language](block, Desk(block.page, ask).read(page[:number]))


def _check_sh(block: Block, desk: Desk) -> None:
    if any(line.startswith("$ ") for line in block.text.splitlines()):
        raise Refused("an sh block has no prompts: take them away, or make it a console block")
    for command in desk.shell.commands(block.text):
        _at(block.line + command.line, programs.check, command, desk, None)


def _check_console(block: Block, desk: Desk) -> None:
    for one in dialogue(block.text):
        commands = desk.shell.commands(one.typed)
        for command in commands:
            shown = one.shown if len(commands) == 1 and one.shown else None
            _at(block.line + one.line, programs.check, command, desk, shown)


def _at(line: int, check_one: Callable[..., None], command: object, *more: object) -> None:
    """Say of a refusal where it is."""
    try:
        check_one(command, *more)
    except Refused as refusal:
        raise Refused(f"line {line}: `{command}`: {refusal}") from None


def _check_json(block: Block, desk: Desk) -> None:
    try:
        document = json.loads(block.text)
    except ValueError as error:
        raise Refused(f"no JSON: {error}") from None
    if isinstance(document, dict) and document.keys() & ScalingSettings.model_fields.keys():
        _check_settings(document)
    elif isinstance(document, dict) and document.keys() & {"instances", "inputs"}:
        check_request(document, desk)


def _check_settings(document: dict[str, object]) -> None:
    unknown = sorted(document.keys() - ScalingSettings.model_fields.keys())
    if unknown:
        raise Refused(f"no such setting: {', '.join(unknown)}")
    try:
        ScalingSettings.model_validate(document)
    except ValidationError as error:
        raise Refused(str(error)) from None


def _check_python(block: Block, desk: Desk) -> None:
    """Run it, with the address of a real server for that of the page."""
    text = desk.ask("minilm").asked(block.text) if "http://" in block.text else block.text
    try:
        exec(
            compile(text, str(block), "exec"), {"__name__": "__main__"}
        )  # what the reader would run
    except Exception as error:
        raise Refused(f"{type(error).__name__}: {error}") from error


def _check_text(block: Block, _: Desk) -> None:
    if re.search(r"^\$ ", block.text, re.MULTILINE):
        raise Refused("a text block has no commands: make it a console block")


LANGUAGES: dict[str, Checker] = {
    "console": _check_console,
    "json": _check_json,
    "promql": lambda block, _: documents.check_query(block.text),
    "python": _check_python,
    "sh": _check_sh,
    "text": _check_text,
    "yaml": lambda block, _: documents.check_text(block.text),
}
