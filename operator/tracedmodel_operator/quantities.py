"""Quantities as Kubernetes writes them, so that what is rendered and what an API server keeps are spelt alike.

The rules are those of its ``resource.Quantity`` in a list of resources: the largest unit that leaves a whole number,
rounded up to a thousandth, and of the three notations the one that was given, unless powers of two would need a
fraction. What is not spelt so an API server rewrites in some cases and keeps in others.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache

_QUANTITY = re.compile(
    r"(?P<number>[0-9]+\.?[0-9]*|\.[0-9]+)(?P<unit>[KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]{1,2})?"
)
_POWERS = range(-9, 19, 3)
_DECIMAL = dict(
    zip(("n", "u", "m", "", *"kMGTPE"), (Fraction(10) ** n for n in _POWERS), strict=True)
)
_BINARY = {f"{letter}i": Fraction(1024**power) for power, letter in enumerate("KMGTPE", 1)}
_EXPONENT = {f"e{n}" if n else "": Fraction(10) ** n for n in _POWERS}
_MILLI = 1000
_LEAST_BINARY = 1024
_MOST = 2**63 - 1


@lru_cache(4096)
def value(quantity: str | int) -> Fraction:
    """Return the number that a quantity means; raises ``ValueError`` if it is none."""
    number, unit = _split(quantity)
    factor = _BINARY.get(unit) or _DECIMAL.get(unit) or Fraction(10) ** int(unit[1:])
    thousandths = math.ceil(number * factor * _MILLI)
    return min(Fraction(thousandths, _MILLI), Fraction(_MOST))


@lru_cache(4096)
def canonical(quantity: str | int) -> str:
    """Return a quantity as an API server gives it back; raises ``ValueError`` if it is none."""
    number, unit = value(quantity), _split(quantity)[1]
    if unit in _BINARY and number >= _LEAST_BINARY and number.denominator == 1:
        return _written(number, _BINARY)
    if unit in _BINARY or unit in _DECIMAL:
        return _written(number, _DECIMAL)
    return _written(number, _EXPONENT)


def _split(quantity: str | int) -> tuple[Fraction, str]:
    found = _QUANTITY.fullmatch(str(quantity))
    if found is None:
        raise ValueError(f"not a quantity: {quantity!r}; write it as 4, 500m or 8Gi")
    return Fraction(found["number"]), found["unit"] or ""


def _written(number: Fraction, units: Mapping[str, Fraction]) -> str:
    """Return a number in the largest unit that leaves it whole; powers of two may leave none."""
    whole = {unit: number / factor for unit, factor in units.items() if number}
    fitting = [unit for unit, count in whole.items() if count.denominator == 1]
    return f"{whole[fitting[-1]]}{fitting[-1]}" if fitting else str(number)
