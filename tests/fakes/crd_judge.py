"""Judges a manifest by the committed definition alone, as an API server with strict field validation does."""

import copy
import functools
from pathlib import Path

import yaml
from cel_expr_python import cel
from cel_expr_python.ext import ext_optional, ext_strings

FILE = Path(__file__).parents[2] / "crds" / "tracedmodels.tracedmodel.dev.yaml"

_KINDS = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int}
_INT64 = range(-(2**63), 2**63)
_CEL = cel.NewEnv(
    variables={"self": cel.Type.DYN},
    extensions=[ext_strings.ExtStrings(), ext_optional.ExtOptional()],
)


@functools.cache
def definition():
    return yaml.safe_load(FILE.read_text(encoding="utf-8"))


@functools.cache
def schema():
    return definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


@functools.cache
def _program(rule):
    return _CEL.compile(rule)


def judge(manifest):
    """Return what is wrong, one ``path: sentence`` each; nothing for a manifest that is stored."""
    spec = definition()["spec"]
    names = {
        "apiVersion": f"{spec['group']}/{spec['versions'][0]['name']}",
        "kind": spec["names"]["kind"],
    }
    for key, name in names.items():
        if manifest.get(key) != name:
            return [f"{key}: must be {name}"]
    value = completed(manifest)
    own = {
        key: part for key, part in value.items() if key not in ("apiVersion", "kind", "metadata")
    }
    metadata = value.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
        return ["metadata.name: a name is needed"]
    body = {key: part for key, part in schema().items() if key != "x-kubernetes-validations"}
    problems = [*_unknown(manifest, schema(), ""), *_shape(own, body, "")]
    # Rules presume the types that the schema promises.
    return problems or list(_rules(value, schema(), ""))


def completed(manifest):
    """Return a manifest as it is stored: nulls gone, defaults filled in."""
    return _complete(copy.deepcopy(manifest), schema())


def _complete(value, node):
    if isinstance(value, dict):
        properties = node.get("properties", {})
        value = {
            key: part for key, part in value.items() if part is not None or key not in properties
        }
        for key, below in properties.items():
            if key not in value and "default" in below:
                value[key] = copy.deepcopy(below["default"])
        return {key: _complete(part, properties.get(key, {})) for key, part in value.items()}
    if isinstance(value, list):
        return [_complete(part, node.get("items", {})) for part in value]
    return value


def _unknown(value, node, path):
    if isinstance(value, dict) and "properties" in node:
        for key, part in value.items():
            if key in node["properties"]:
                yield from _unknown(part, node["properties"][key], f"{path}.{key}")
            else:
                yield f"{path}.{key}: unknown field"
    elif isinstance(value, list) and "items" in node:
        for index, part in enumerate(value):
            yield from _unknown(part, node["items"], f"{path}[{index}]")


def _shape(value, node, path):
    kind = node.get("type")
    if node.get("x-kubernetes-int-or-string"):
        kind = "string" if isinstance(value, str) else "integer"
    if isinstance(value, bool) != (kind == "boolean") or not isinstance(value, _KINDS[kind]):
        yield f"{path}: not a valid {kind}"
        return
    yield from (f"{path}: out of bounds" for _ in [0] if not _within(value, node))
    if isinstance(value, dict):
        for key in node.get("required", ()):
            if key not in value:
                yield f"{path}.{key}: required"
        for key, part in value.items():
            if key in node.get("properties", {}):
                yield from _shape(part, node["properties"][key], f"{path}.{key}")
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _shape(part, node["items"], f"{path}[{index}]")
        yield from _duplicates(value, node, path)


def _within(value, node):
    if "enum" in node and value not in node["enum"]:
        return False
    if isinstance(value, int):
        return node.get("minimum", value) <= value <= node.get("maximum", value) and value in _INT64
    least, most = {str: ("minLength", "maxLength"), list: ("minItems", "maxItems")}.get(
        type(value), ("minProperties", "maxProperties")
    )
    return node.get(least, 0) <= len(value) <= node.get(most, len(value))


def _duplicates(value, node, path):
    names = node.get("x-kubernetes-list-map-keys")
    if names and all(isinstance(part, dict) for part in value):
        keys = [tuple(part.get(name) for name in names) for part in value]
        yield from (f"{path}[{i}]: duplicate" for i, key in enumerate(keys) if key in keys[:i])


def _rules(value, node, path):
    for entry in node.get("x-kubernetes-validations", ()):
        verdict = _program(entry["rule"]).eval(data={"self": value})
        # An error has a value too, its text: only true is true.
        if verdict.value() is not True:
            yield f"{path}{entry.get('fieldPath', '')}: {entry['message']}"
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _rules(part, node.get("properties", {}).get(key, {}), f"{path}.{key}")
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _rules(part, node.get("items", {}), f"{path}[{index}]")
