"""The parameters of a request, alike in every protocol."""

from __future__ import annotations

from typing import Any

from tracedmodel_server.errors import Invalid
from tracedmodel_server.request import DEFAULT_ANSWER_TOKENS, DEFAULT_TOP, Parameters

_MOST_TOP = 1000
_MOST_ANSWER_TOKENS = 4096
_MOST_SHOWN = 60


def parse_parameters(given: Any) -> Parameters:
    """Return the parameters in a JSON value, which may be absent; raises Invalid.

    Names that mean nothing here are left alone: clients send what other servers need.
    """
    if given is None:
        return Parameters()
    if not isinstance(given, dict):
        raise Invalid(f"parameters must be an object, given is {kind(given)}")
    truncate = given.get("truncate", False)
    if not isinstance(truncate, bool):
        raise Invalid(f"parameter truncate must be true or false, given is {shown(truncate)}")
    return Parameters(
        truncate,
        _count(given, "top_k", DEFAULT_TOP, _MOST_TOP),
        _count(given, "max_answer_length", DEFAULT_ANSWER_TOKENS, _MOST_ANSWER_TOKENS),
    )


def _count(given: dict[str, Any], name: str, default: int, most: int) -> int:
    value = given.get(name, default)
    if type(value) is not int or not 1 <= value <= most:
        raise Invalid(
            f"parameter {name} must be a whole number from 1 to {most}, given is {shown(value)}"
        )
    return value


def kind(value: Any) -> str:
    """Return what a JSON value is, for a sentence."""
    names = {dict: "an object", list: "an array", str: "a string", bool: "true or false"}
    numbers = {int: "a number", float: "a number", type(None): "null"}
    return (names | numbers).get(type(value), "something else")


def shown(value: Any) -> str:
    """Return a JSON value, cut for a sentence."""
    if isinstance(value, (dict, list)):
        return kind(value)
    text = repr(value)
    return text if len(text) <= _MOST_SHOWN else text[:_MOST_SHOWN] + "…"
