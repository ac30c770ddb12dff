"""Write the reference page of the resource, made of the schema that the API server gets; ``--check`` says whether it is current."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tracedmodel_api import crd, types

FILE = Path("docs") / "reference.md"

_HEAD = f"""\
# Reference of the resource

<!-- Generated from tracedmodel_api/types.py by `make generate`. Do not edit. -->

Every field of a `{types.KIND}` (`{types.API_VERSION}`, short name `tm`) as the API server takes it, for whoever writes one or reads its status. What
matters when writing one is told in [tracedmodel.md](tracedmodel.md); `kubectl explain tracedmodel.spec --recursive` lists the same fields.

`metadata.name` is {{name}}. The annotation `{types.REQUESTED_AT}` with any new value asks for a new export of a floating
revision, or for a retry after Stalled. The subresource `scale` is on `spec.serving.replicas`.
"""
_TABLE = "| field | type | default | meaning |\n|---|---|---|---|\n"


def page() -> str:
    """Return the page as Markdown."""
    schema = crd.resource_schema()
    (naming,) = schema["x-kubernetes-validations"]
    parts = [_HEAD.format(name=naming["message"].removeprefix("write "))]
    for name in ("spec", "status"):
        parts.append(f"## {name.capitalize()}\n\n{_body(name, schema['properties'][name])}")
        parts.extend(_below(name, schema["properties"][name]))
    return "\n".join(parts)


def _below(path: str, schema: Mapping[str, Any]) -> Iterator[str]:
    """Yield a section for each object below an object, in the order of the fields."""
    for name, field in schema["properties"].items():
        inner = field.get("items", field)
        if "properties" in inner:
            below = f"{path}.{name}{'' if inner is field else '[]'}"
            yield f"### `{below}`\n\n{_body(below, inner)}"
            yield from _below(below, inner)


def _body(path: str, schema: Mapping[str, Any]) -> str:
    required = schema.get("required", ())
    rows = (_row(path, name, field, required) for name, field in schema["properties"].items())
    table = f"{schema['description']}\n\n{_TABLE}{''.join(rows)}"
    rules = [f"- {rule['message']}\n" for rule in schema.get("x-kubernetes-validations", ())]
    return f"{table}\nThe API server also says:\n\n{''.join(rules)}" if rules else table


def _row(path: str, name: str, field: Mapping[str, Any], required: Sequence[str]) -> str:
    default = "**required**" if name in required else _default(field.get("default"))
    cells = (f"`{name}`", _kind(field, f"{path}.{name}"), default, _meaning(field))
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def _default(value: object) -> str:
    return "" if value in (None, {}) else f"`{json.dumps(value)}`"


def _kind(field: Mapping[str, Any], path: str) -> str:
    if "properties" in field:
        return f"[object](#{re.sub(r'[^a-z]', '', path.lower())})"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if field.get("x-kubernetes-int-or-string"):
        return "whole number or string"
    if field["type"] == "array":
        return f"list of {field['maxItems']} at most: {_kind(field['items'], path)}"
    if field["type"] == "integer":
        return f"whole number{_bounds(field)}"
    return "time" if field.get("format") == "date-time" else f"{field['type']}{_longest(field)}"


def _longest(field: Mapping[str, Any]) -> str:
    return f", at most {field['maxLength']:,} characters" if "maxLength" in field else ""


def _bounds(field: Mapping[str, Any]) -> str:
    least, most = field.get("minimum"), field.get("maximum")
    if most is not None:
        return f", {least} to {most:,}"
    return "" if least is None else f", at least {least}"


def _meaning(field: Mapping[str, Any]) -> str:
    """Return the description, and what the API server says of a value that it does not take."""
    described = " ".join(field["description"].split())
    checked = field.get("items", field)
    rules = () if "properties" in checked else checked.get("x-kubernetes-validations", ())
    said = [rule["message"] for rule in rules]
    new = [one for one in said if one.removeprefix("write ").lower() not in described.lower()]
    return " ".join([described, *(f"*{one[0].upper()}{one[1:]}.*" for one in new)])


if __name__ == "__main__":
    sys.exit(crd.keep(FILE, page(), __doc__))
