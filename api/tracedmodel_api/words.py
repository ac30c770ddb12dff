"""Words in sentences for people."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Return a number of things, such as ``1 bucket`` or ``2 buckets``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
