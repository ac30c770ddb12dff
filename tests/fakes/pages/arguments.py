"""Words of a command as argparse takes them, a wrong one as a sentence."""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from typing import NoReturn

from pages.blocks import Refused


class Words(argparse.ArgumentParser):
    """A parser of the options of a program that is not ours, as far as pages use them."""

    def __init__(self, program: str) -> None:
        super().__init__(prog=program, allow_abbrev=False, add_help=False)

    def values(self, *flags: str) -> Words:
        """Add options with a value, each by its names with a slash between; they may be repeated."""
        for names in flags:
            self.add_argument(*names.split("/"), action="append", default=[])
        return self

    def switches(self, *flags: str) -> Words:
        """Add options without one."""
        for names in flags:
            self.add_argument(*names.split("/"), action="store_true")
        return self

    def rest(self, count: str = "*") -> Words:
        """Add the words that are no options."""
        self.add_argument("words", nargs=count)
        return self

    def told(self, words: Sequence[str]) -> argparse.Namespace:
        """Return what was asked for; refuses options that are not known here."""
        return taken(self.parse_intermixed_args, words)

    def error(self, message: str) -> NoReturn:
        """Refuse."""
        raise Refused(f"{self.prog}: {message}")


def taken(
    parse: Callable[[Sequence[str]], argparse.Namespace], words: Sequence[str]
) -> argparse.Namespace:
    """Return what a parser makes of words; refuses what it does not take."""
    said = io.StringIO()
    try:
        with redirect_stderr(said):
            return parse(list(words))
    except SystemExit:
        raise Refused(said.getvalue().strip().splitlines()[-1]) from None
