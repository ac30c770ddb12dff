"""Quantities as the API server keeps them: the same number always in the same words."""

from __future__ import annotations

import re
from decimal import Decimal

_QUANTITY = re.compile(r"([+-]?[0-9.]+)(?:([eE][+-]?[0-9]+)|([numkMGTPE]|[KMGTPE]i)?)")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}


def canonical(quantity: str | float) -> str:
    """Return a quantity in its shortest form, with the kind of suffix that it had."""
    text = str(quantity)
    found = _QUANTITY.fullmatch(text)
    if not found:
        return text
    number, exponent, suffix = Decimal(found[1]), found[2], found[3] or ""
    if suffix in _BINARY:
        return _shortest_binary(number * 2 ** _BINARY[suffix])
    if exponent:
        return f"{number * Decimal(1).scaleb(int(exponent[1:])):f}"
    return _shortest(
        number.scaleb(_DECIMAL[suffix]), {s: Decimal(1).scaleb(p) for s, p in _DECIMAL.items()}
    )


def _shortest_binary(number: Decimal) -> str:
    if abs(number) < 2**10:
        return _shortest(number, {s: Decimal(1).scaleb(p) for s, p in _DECIMAL.items()})
    return _shortest(number, {s: Decimal(2**p) for s, p in {"": 0, **_BINARY}.items()})


def _shortest(number: Decimal, units: dict[str, Decimal]) -> str:
    """Return the number in the largest unit of which it is a whole multiple."""
    if not number:
        return "0"
    whole = (suffix for suffix, unit in sorted(units.items(), key=_size) if not number % unit)
    suffix = next(whole, "n")
    return f"{int(number / units[suffix])}{suffix}"


def _size(unit: tuple[str, Decimal]) -> Decimal:
    return -unit[1]
