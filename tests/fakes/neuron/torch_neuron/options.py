"""neuron-cc's command line: what it takes, and what a graph becomes by it."""

import argparse
from dataclasses import dataclass
from typing import NoReturn

from torch_neuron.numerics import FP32_CASTS, Numerics, numerics

_RELAYOUTS = ("fast-relayout", "no-fast-relayout")
_FAST_MATH = ("all", "none", *_RELAYOUTS, *(f"fp32-cast-{cast}" for cast in FP32_CASTS))


class UnknownOptionError(Exception):
    """neuron-cc refuses its command line."""


@dataclass(frozen=True)
class Options:
    """What the options make of a graph."""

    cores: int
    numerics: Numerics


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UnknownOptionError(message)


def checked(compiler_args: object) -> list[str]:
    """Return ``compiler_args``, a list with one string for each token.

    Raises:
        TypeError: it is something else.
    """
    if compiler_args is None:
        return []
    if not isinstance(compiler_args, list) or not all(isinstance(a, str) for a in compiler_args):
        raise TypeError(f"compiler_args must be a list of str, not {compiler_args!r}")
    return compiler_args


def parse(args: list[str]) -> Options:
    """Read the options.

    Raises:
        UnknownOptionError: neuron-cc has no such option, or the option no such value.
    """
    given = _parser().parse_args(args)
    casts = [option for option in given.fast_math if option.startswith("fp32-cast-")]
    if len(casts) > 1:
        raise UnknownOptionError(f"argument --fast-math: {' and '.join(casts)} exclude each other")
    if given.cores < 1:
        raise UnknownOptionError(f"argument --neuroncore-pipeline-cores: {given.cores} is too few")
    return Options(
        given.cores,
        numerics(given.fast_math, given.fp32_cast, saturate_infinity=given.saturate),
    )


def _parser() -> _Parser:
    parser = _Parser(prog="neuron-cc", add_help=False, allow_abbrev=False)
    pipeline = ("--neuroncore-pipeline-cores", "--num-neuroncores")
    parser.add_argument(*pipeline, dest="cores", type=int, default=1)
    parser.add_argument("--fast-math", nargs="+", choices=_FAST_MATH, default=["all"])
    parser.add_argument("--fp32-cast", choices=FP32_CASTS)
    parser.add_argument("--enable-saturate-infinity", dest="saturate", action="store_true")
    for flag in ("fast-loading-neuron-binaries", "fast-context-switch"):
        parser.add_argument(f"--enable-{flag}", action="store_true")
    parser.add_argument("-O2", action="store_true")
    parser.add_argument("--static-weights", action="store_true")
    for name in ("--verbose", "--output", "--framework", "--io-config"):
        parser.add_argument(name)
    parser.add_argument("--pipeline", nargs="+")
    return parser
