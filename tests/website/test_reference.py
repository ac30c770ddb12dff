"""docs/reference.md has every field as the API server takes it."""

import re
from pathlib import Path

import pytest

import reference
from tracedmodel_api import crd

ROOT = Path(__file__).parents[2]
PAGE = reference.page()


def fields(path, schema):
    """Yield the section and the name of every field below an object."""
    for name, field in schema["properties"].items():
        yield path, name
        inner = field.get("items", field)
        if "properties" in inner:
            yield from fields(f"{path}.{name}{'' if inner is field else '[]'}", inner)


def section(title: str) -> str:
    return PAGE.partition(f" {title}\n")[2].partition("\n##")[0]


def row(place: str, name: str) -> str:
    (line,) = [x for x in section(place).splitlines() if x.startswith(f"| `{name}` |")]
    return line


def test_the_committed_page_is_current():
    assert (ROOT / reference.FILE).read_text(encoding="utf-8") == PAGE


@pytest.mark.parametrize("part", ["spec", "status"])
def test_every_field_has_a_row_in_the_section_of_its_object(part):
    found = list(fields(part, crd.resource_schema()["properties"][part]))
    assert len(found) > 30
    for path, name in found:
        assert row(path.capitalize() if path == part else f"`{path}`", name)


def test_a_row_says_type_default_and_what_the_api_server_refuses():
    bounds = "| `sequenceLength` | whole number, 8 to 4,096 | **required** |"
    assert row("`spec.export.buckets[]`", "sequenceLength").startswith(bounds)
    assert row("`spec.export`", "precision").startswith(
        '| `precision` | `Float32`, `BFloat16` | `"Float32"` |'
    )
    decimal = '*Write a decimal number in quotes, such as "0.02" or "1e-4".* |'
    assert row("`spec.export.tolerance`", "absolute").endswith(decimal)
    assert "list of 16 at most: string" in row("`spec.export.compiler`", "args")


def test_every_rule_of_the_resource_stands_at_its_object():
    rules = crd.resource_schema()["properties"]["spec"]["x-kubernetes-validations"]
    assert [f"- {rule['message']}" for rule in rules] == [
        line for line in section("Spec").splitlines() if line.startswith("- ")
    ]


def test_links_within_the_page_lead_to_its_sections():
    anchors = {re.sub(r"[^a-z]", "", title) for title in re.findall(r"### `(.*)`", PAGE.lower())}
    assert set(re.findall(r"\(#(\w+)\)", PAGE)) == anchors
