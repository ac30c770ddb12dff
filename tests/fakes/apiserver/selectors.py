"""Label and field selectors."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from apiserver.failures import bad_request

Test = Callable[[Mapping[str, str]], bool]
_SET = re.compile(r"(\S+)\s+(in|notin)\s+\(([^)]*)\)")
_EQUAL = re.compile(r"([^\s!=]+)\s*(==|=|!=)\s*(\S*)")
_NAME = re.compile(r"(!?)\s*([A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9])?)")
_COMMA = re.compile(r",(?![^(]*\))")


def parse_labels(selector: str) -> Test:
    """Return a test of labels; all requirements of a selector must hold."""
    tests = [_requirement(part.strip()) for part in _COMMA.split(selector)] if selector else []
    return lambda labels: all(test(labels) for test in tests)


def _requirement(text: str) -> Test:
    if found := _SET.fullmatch(text):
        key, operator, listed = found.groups()
        values = {value.strip() for value in listed.split(",")}
        if operator == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    if found := _EQUAL.fullmatch(text):
        key, operator, value = found.groups()
        if operator == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value
    if found := _NAME.fullmatch(text):
        absent, key = found.groups()
        return lambda labels: (key in labels) != bool(absent)
    raise bad_request(f"unable to parse requirement: {text!r}")


def parse_fields(selector: str) -> Test:
    """Return a test of a mapping with metadata.name and metadata.namespace, the fields that every kind knows."""
    wanted = []
    for part in selector.split(",") if selector else ():
        found = _EQUAL.fullmatch(part.strip())
        if not found or found[1] not in ("metadata.name", "metadata.namespace"):
            key = found[1] if found else part
            known = '"metadata.name", "metadata.namespace"'
            raise bad_request(f'"{key}" is not a known field selector: only {known}')
        wanted.append((found[1], found[2] != "!=", found[3]))
    return lambda names: all((names.get(key) == value) is same for key, same, value in wanted)
