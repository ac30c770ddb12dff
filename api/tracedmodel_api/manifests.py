"""Reading manifests from YAML, and saying what is wrong with them: the field, what was given, what to write."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tracedmodel_api.crd import Schema, resource_schema
from tracedmodel_api.report import Failure
from tracedmodel_api.types import API_VERSION, KIND, TracedModel


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a manifest."""

    field: str
    given: str
    write: str

    def __str__(self) -> str:
        return (
            f"{self.field}: {self.given}; {self.write}"
            if self.given
            else f"{self.field}: {self.write}"
        )


class InvalidManifest(Exception):  # noqa: N818  # says what it is
    """A manifest that is not a TracedModel; ``problems`` says why."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


_MERGE = "tag:yaml.org,2002:merge"


_UNCAUGHT = (ValueError, LookupError, AttributeError, TypeError)
"""What PyYAML's constructors let through, for ``0b_``, ``!!bool x`` and ``!!set 0`` for example."""


class _Loader(yaml.SafeLoader):
    """YAML as kubectl reads it: a date is a string, and no key may stand twice."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: FBT001, FBT002  # the base's signature
        try:
            return super().construct_object(node, deep)
        except _UNCAUGHT as error:
            raise yaml.MarkedYAMLError(
                problem=f"cannot be read: {error}", problem_mark=node.start_mark
            ) from error

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002  # the base's signature
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if key_node.tag == _MERGE:
                continue
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                problem = f"the key {key!r} is not a string: put it in quotes"
            elif key in seen:
                problem = f"the key {key!r} stands twice: leave one out"
            else:
                seen.add(key)
                continue
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=key_node.start_mark)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
# To kubectl 1e-4 is a number, to YAML 1.1 only 1.0e-4 is one.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


@contextmanager
def reading(file: Path) -> Iterator[None]:
    """Make what goes wrong with a file of manifests a Failure InvalidRequest that names the file."""
    try:
        yield
    except (OSError, UnicodeDecodeError) as error:
        raise Failure("InvalidRequest", f"{file} cannot be read: {error}") from None
    except InvalidManifest as error:
        raise Failure("InvalidRequest", "\n".join(f"{file}: {p}" for p in error.problems)) from None


def read_documents(text: str) -> Iterator[Any]:
    """Return the documents of a YAML text, empty ones left out.

    Raises :class:`InvalidManifest` with line and column where the text is not YAML.
    """
    try:
        yield from (
            document for document in yaml.load_all(text, _Loader) if document is not None
        )  # _Loader is a safe loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "YAML"
        raise InvalidManifest([Problem(place, "", error.problem or "not YAML")]) from None
    except (yaml.YAMLError, RecursionError, *_UNCAUGHT) as error:
        raise InvalidManifest([Problem("YAML", "", str(error).replace("\n", " "))]) from None


def parse(document: Any) -> TracedModel:
    """Return the resource in a document; raises :class:`InvalidManifest`."""
    if not isinstance(document, dict):
        raise InvalidManifest([Problem("manifest", f"given {_show(document)}", "write a mapping")])
    for field, wanted in (("apiVersion", API_VERSION), ("kind", KIND)):
        if document.get(field) != wanted:
            given = f"given {_show(document[field])}" if field in document else "missing"
            raise InvalidManifest([Problem(field, given, f"write {wanted}")])
    try:
        return TracedModel.model_validate(document)
    except ValidationError as error:
        schema = resource_schema()
        problems = (one for detail in error.errors() for one in _problems(detail, schema, document))
        raise InvalidManifest(list(dict.fromkeys(problems))) from None


def _problems(detail: ErrorDetails, schema: Schema, document: Any) -> Iterator[Problem]:
    path = _path(detail["loc"], schema)
    if detail["type"] != "rule":
        yield _problem(detail, path, schema)
        return
    for rule in detail["ctx"]["broken"]:
        # The one rule of the whole resource is about its name.
        below = rule.field_path or ("" if path else ".metadata.name")
        at = [*path, *below.split(".")[1:]]
        yield Problem(_spell(at), _given(document, at), rule.message)


def _problem(detail: ErrorDetails, path: list[int | str], schema: Schema) -> Problem:
    kind, field = detail["type"], _spell(path)
    if kind == "missing":
        return Problem(field, "missing", f"write {_describe(_at(schema, path)) or _METADATA[kind]}")
    if kind == "extra_forbidden":
        return Problem(field, "unknown field", _suggest(path, schema))
    known = _at(schema, path)
    wanted = _describe(known) or _METADATA.get(kind, "what kubectl accepts")
    scalar = not isinstance(detail["input"], (dict, list))
    if kind == "string_type" and scalar and "x-kubernetes-int-or-string" not in known:
        wanted = wanted if _QUOTES in wanted else f"{wanted}, {_QUOTES}"
    return Problem(field, f"given {_show(detail['input'])}", f"write {wanted}")


_QUOTES = "in quotes"
# The schema leaves metadata to the API server.
_METADATA = {"missing": "a name", "string_type": "a string", "dict_type": "a mapping"}


def _path(location: tuple[int | str, ...], schema: Schema) -> list[int | str]:
    """Return the path in the manifest, without the branches of unions that pydantic adds at its end."""
    for depth in range(len(location)):
        if "x-kubernetes-int-or-string" in _at(schema, list(location[:depth])):
            return list(location[:depth])
    return list(location)


def _spell(path: list[int | str]) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return "".join(parts).removeprefix(".")


def _given(document: Any, path: list[int | str]) -> str:
    """Return what a manifest gives at a path, if that is a value rather than a part of the manifest."""
    value = document
    for part in path:
        if isinstance(value, dict):
            value = value.get(part)
        else:
            value = value[part] if isinstance(value, list) and isinstance(part, int) else None
    return "" if value is None or isinstance(value, (dict, list)) else f"given {_show(value)}"


def _at(schema: Schema, path: list[int | str]) -> Schema:
    for part in path:
        below = (
            schema.get("items") if isinstance(part, int) else schema.get("properties", {}).get(part)
        )
        schema = below or {}
    return schema


def _suggest(path: list[int | str], schema: Schema) -> str:
    known = sorted(_at(schema, path[:-1]).get("properties", {}))
    near = difflib.get_close_matches(str(path[-1]), known, n=1)
    return (
        f"did you mean {near[0]}?" if near else f"leave it out; known here are {', '.join(known)}"
    )


def _describe(schema: Schema) -> str:
    """Return what a schema accepts, in words; nothing for a schema that says nothing."""
    if "enum" in schema:
        return f"one of {', '.join(str(choice) for choice in schema['enum'])}"
    for rule in schema.get("x-kubernetes-validations", ()):
        if rule["message"].startswith("write ") and schema.get("type") != "object":
            return str(rule["message"]).removeprefix("write ")
    kind = str(schema.get("type", ""))
    if kind == "object":
        return (
            f"a mapping with {', '.join(schema['properties'])}"
            if "properties" in schema
            else "a mapping"
        )
    words = {
        "integer": "a whole number{}",
        "string": "a string{}",
        "array": "a list{}",
        "boolean": "true or false",
    }
    return words.get(kind, "").format(_bounds(schema))


def _bounds(schema: Schema) -> str:
    if "maximum" in schema:
        return f" from {schema['minimum']} to {schema['maximum']}"
    if "maxItems" in schema:
        return f" of {schema.get('minItems', 0)} to {schema['maxItems']} elements"
    return f" of at most {schema['maxLength']} characters" if "maxLength" in schema else ""


_SHOWN = 80


def _show(value: Any) -> str:
    """Return a value as YAML would spell it, cut where it is long."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    spelled = json.dumps(value, ensure_ascii=False, default=str)
    return spelled if len(spelled) <= _SHOWN else spelled[: _SHOWN - 1] + "…"
