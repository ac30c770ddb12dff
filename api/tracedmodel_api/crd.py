"""From the types to the CustomResourceDefinition: a structural schema, as the API server demands one.

Run as ``python -m tracedmodel_api.crd`` it writes the committed file, with ``--check`` it says whether that is current.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import yaml

from tracedmodel_api import types

Schema = dict[str, Any]

FILE = Path("crds") / f"{types.PLURAL}.{types.GROUP}.yaml"
_HEADER = "# Generated from tracedmodel_api/types.py by `make generate`. Do not edit.\n"
_NOT_STRUCTURAL = ("title", "additionalProperties", "$defs")


def structural(schema: Schema, definitions: Schema) -> Schema:
    """Return a pydantic JSON schema as a structural one: references inlined, unions with null and titles gone.

    Raises ``ValueError`` for a union that a structural schema cannot say.
    """
    merged = dict(schema)
    if "$ref" in merged:
        target = definitions[merged.pop("$ref").rsplit("/", 1)[-1]]
        merged = {**target, **merged}
    if "anyOf" in merged:
        merged = {**_only_choice(merged.pop("anyOf")), **merged}
        return structural(merged, definitions)
    if merged.get("default", ...) is None:
        del merged["default"]
    if "const" in merged:
        merged["enum"] = [merged.pop("const")]
    kept = {key: value for key, value in merged.items() if key not in _NOT_STRUCTURAL}
    return _descend(kept, definitions)


def _only_choice(choices: list[Schema]) -> Schema:
    real = [choice for choice in choices if choice.get("type") != "null"]
    if len(real) != 1:
        message = f"a structural schema has no unions: {choices}"
        raise ValueError(message)
    return real[0]


def _descend(schema: Schema, definitions: Schema) -> Schema:
    if "properties" in schema:
        properties = schema["properties"].items()
        schema["properties"] = {name: structural(value, definitions) for name, value in properties}
    if "items" in schema:
        schema["items"] = structural(schema["items"], definitions)
    if isinstance(schema.get("default"), dict):
        # Each property brings its own default; the parent's only has to exist for them to apply.
        schema["default"] = {}
    return schema


def _without_defaults(schema: Schema) -> Schema:
    """Return a schema in which nothing is filled in: a status says only what was written."""
    bare = {key: value for key, value in schema.items() if key != "default"}
    if "properties" in bare:
        bare["properties"] = {
            name: _without_defaults(value) for name, value in bare["properties"].items()
        }
    if "items" in bare:
        bare["items"] = _without_defaults(bare["items"])
    return bare


def resource_schema() -> Schema:
    """Return the ``openAPIV3Schema`` of the resource."""
    raw = types.TracedModel.model_json_schema(by_alias=True)
    schema = structural(raw, raw["$defs"])
    properties = schema["properties"]
    properties["apiVersion"] = {"type": "string"}
    properties["kind"] = {"type": "string"}
    properties["metadata"] = {"type": "object"}
    status = _without_defaults(properties["status"])
    status["default"] = {"observedGeneration": -1}
    status["properties"]["observedGeneration"]["default"] = -1
    properties["status"] = status
    schema["required"] = ["spec"]
    return schema


def _columns() -> list[Schema]:
    ready = ".status.conditions[?(@.type=='Ready')]"
    rows = (
        ("Ready", "string", f"{ready}.status", 0),
        ("Reason", "string", f"{ready}.reason", 0),
        ("Task", "string", ".spec.model.task", 0),
        ("Target", "string", ".spec.target", 0),
        ("Buckets", "integer", ".status.artifact.bucketCount", 0),
        ("Replicas", "integer", ".status.readyReplicas", 0),
        ("Age", "date", ".metadata.creationTimestamp", 0),
        ("Revision", "string", ".status.model.revision", 1),
        ("Artifact", "string", ".status.artifact.digest", 1),
        ("P50", "string", ".status.artifact.buckets[0].latency.p50Microseconds", 1),
    )
    return [
        {"name": name, "type": kind, "jsonPath": path} | ({"priority": wide} if wide else {})
        for name, kind, path, wide in rows
    ]


def definition() -> Schema:
    """Return the CustomResourceDefinition."""
    version = {
        "name": types.VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": resource_schema()},
        "subresources": {
            "status": {},
            "scale": {
                "specReplicasPath": ".spec.serving.replicas",
                "statusReplicasPath": ".status.replicas",
                "labelSelectorPath": ".status.selector",
            },
        },
        "additionalPrinterColumns": _columns(),
    }
    names = {
        "kind": types.KIND,
        "listKind": f"{types.KIND}List",
        "plural": types.PLURAL,
        "singular": "tracedmodel",
        "shortNames": ["tm"],
        "categories": ["ml"],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{types.PLURAL}.{types.GROUP}"},
        "spec": {
            "group": types.GROUP,
            "scope": "Namespaced",
            "names": names,
            "versions": [version],
        },
    }


class _Dumper(yaml.SafeDumper):
    """YAML without anchors, which many tools that patch a definition cannot follow."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  # the base's signature
        return True


def render() -> str:
    """Return the definition as the YAML that is committed."""
    return _HEADER + yaml.dump(
        definition(), Dumper=_Dumper, sort_keys=False, width=140, allow_unicode=True
    )


def keep(file: Path, text: str, description: str | None) -> int:
    """Write a generated file, or with ``--check`` compare it with the committed one; return the exit code."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--check", action="store_true", help="only say whether the file is current")
    arguments = parser.parse_args()
    if not arguments.check:
        file.write_text(text, encoding="utf-8")
        return 0
    current = file.exists() and file.read_text(encoding="utf-8") == text
    if not current:
        sys.stderr.write(f"{file} is out of date: run `make generate`\n")
    return 0 if current else 1


def main() -> int:
    """Write the definition, or compare it with the committed one."""
    return keep(FILE, render(), "Generate the CustomResourceDefinition.")


if __name__ == "__main__":
    sys.exit(main())
