import re

import pytest
import yaml

import crd_judge
from manifest_base import manifest
from tracedmodel_api import crd

MAX_BYTES = 64 * 1024
# What RE2 lacks: look-around, back references, possessive repeats, atomic and conditional groups.
NOT_RE2 = re.compile(r"\(\?[=!<>(P]|\\[1-9]|\\k<|[*+?}]\+|\\Z")


def walk(node, path="", *, in_item=False):
    """Return every schema below one: its path, itself, and whether it stands in an item of a list."""
    yield path, node, in_item
    for name, below in node.get("properties", {}).items():
        yield from walk(below, f"{path}.{name}", in_item=in_item)
    if "items" in node:
        yield from walk(node["items"], f"{path}[]", in_item=True)


NODES = {path: (node, in_item) for path, node, in_item in walk(crd_judge.schema())}
OWN = {
    path: node
    for path, (node, _) in NODES.items()
    if path not in ("", ".apiVersion", ".kind", ".metadata")
}
SPEC = {path: node for path, node in OWN.items() if path.startswith(".spec")}
RULES = [
    rule
    for node in (crd_judge.schema(), *OWN.values())
    for rule in node.get("x-kubernetes-validations", ())
]


def of_kind(nodes, kind):
    return {path: node for path, node in nodes.items() if node.get("type") == kind}


def version():
    return crd_judge.definition()["spec"]["versions"][0]


def test_the_committed_file_is_what_the_types_say():
    assert crd_judge.FILE.read_text(encoding="utf-8") == crd.render()


def test_the_file_is_small_and_has_no_anchors():
    text = crd.render()
    assert len(text.encode()) < MAX_BYTES
    assert not re.search(r": [&*]id", text)


def test_the_schema_uses_nothing_that_a_structural_one_may_not():
    forbidden = {
        "$ref",
        "$defs",
        "anyOf",
        "oneOf",
        "allOf",
        "not",
        "title",
        "const",
        "additionalProperties",
        "exclusiveMinimum",
    }
    assert {
        path: found for path, (node, _) in NODES.items() if (found := forbidden & node.keys())
    } == {}


def test_every_value_has_a_type():
    untyped = {path for path, node in OWN.items() if "type" not in node}
    assert untyped == {path for path, node in OWN.items() if node.get("x-kubernetes-int-or-string")}
    assert len(untyped) == 4


def test_every_string_is_bounded():
    bounds = {"maxLength", "enum", "format"}
    assert [path for path, node in of_kind(OWN, "string").items() if not bounds & node.keys()] == []


def test_every_list_is_bounded_and_says_how_it_merges():
    wanted = {"maxItems", "x-kubernetes-list-type", "items"}
    assert [path for path, node in of_kind(OWN, "array").items() if not wanted <= node.keys()] == []


def test_every_number_that_a_person_writes_is_bounded():
    bounded = [
        {"minimum", "maximum"} <= node.keys() or "enum" in node
        for node in of_kind(SPEC, "integer").values()
    ]
    assert all(bounded)
    assert len(bounded) == 16


def test_nothing_is_a_fraction():
    assert of_kind(OWN, "number") == {}


def test_no_item_of_a_list_has_a_default():
    assert [path for path, (node, in_item) in NODES.items() if in_item and "default" in node] == []


def test_everything_that_a_person_writes_is_described():
    items = {path for path in SPEC if path.endswith("args[]")}
    assert {path for path, node in SPEC.items() if not node.get("description")} == items


def test_the_keys_of_list_maps_are_required():
    for path, node in of_kind(OWN, "array").items():
        keys = node.get("x-kubernetes-list-map-keys", [])
        assert set(keys) <= set(node["items"].get("required", ())), path


def test_every_rule_compiles_and_says_what_to_write():
    for rule in RULES:
        crd_judge._program(rule["rule"])
        assert len(rule["message"]) > 20


def test_every_pattern_is_one_that_re2_takes():
    patterns = re.findall(
        r"matches\('((?:[^'\\]|\\.)*)'\)", " ".join(rule["rule"] for rule in RULES)
    )
    assert len(patterns) >= 12
    for pattern in patterns:
        assert not NOT_RE2.search(pattern)
        assert re.compile(pattern.replace("\\\\", "\\"))


def test_every_field_path_of_a_rule_is_a_field():
    for path, node in OWN.items():
        for rule in node.get("x-kubernetes-validations", ()):
            assert f"{path}{rule.get('fieldPath', '')}" in NODES


def test_scale_and_status_are_subresources():
    assert version()["subresources"] == {
        "status": {},
        "scale": {
            "specReplicasPath": ".spec.serving.replicas",
            "statusReplicasPath": ".status.replicas",
            "labelSelectorPath": ".status.selector",
        },
    }
    assert NODES[".status.selector"][0]["type"] == "string"


def test_an_unseen_object_never_looks_current_and_can_be_scaled():
    stored = crd_judge.completed(manifest())
    assert stored["status"] == {"observedGeneration": -1}
    assert stored["spec"]["serving"]["replicas"] == 1


def test_a_status_says_only_what_was_written():
    defaults = {
        path for path, node in OWN.items() if path.startswith(".status") and "default" in node
    }
    assert defaults == {".status", ".status.observedGeneration"}


def test_printed_columns_read_what_the_schema_has():
    columns = version()["additionalPrinterColumns"]
    assert [column["name"] for column in columns if not column.get("priority")] == [
        "Ready", "Reason", "Task", "Target", "Buckets", "Replicas", "Age",
    ]  # fmt: skip
    for column in columns:
        path = re.sub(r"\[[^\]]*\]", "[]", column["jsonPath"])
        assert path in NODES or path.startswith(".metadata.")


def test_names_of_the_resource():
    spec = crd_judge.definition()["spec"]
    assert (spec["group"], version()["name"], spec["scope"]) == (
        "tracedmodel.dev",
        "v1alpha1",
        "Namespaced",
    )
    assert spec["names"]["shortNames"] == ["tm"]
    assert spec["names"]["categories"] == ["ml"]


def test_refuses_a_union_that_a_structural_schema_cannot_say():
    with pytest.raises(ValueError, match="no unions"):
        crd.structural({"anyOf": [{"type": "string"}, {"type": "integer"}]}, {})


def test_writes_the_file_and_then_finds_it_current(tmp_path, monkeypatch, capsys):
    (tmp_path / "crds").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["crd", "--check"])
    assert crd.main() == 1
    assert "make generate" in capsys.readouterr().err
    monkeypatch.setattr("sys.argv", ["crd"])
    assert crd.main() == 0
    assert yaml.safe_load(crd.FILE.read_text(encoding="utf-8")) == crd.definition()
    monkeypatch.setattr("sys.argv", ["crd", "--check"])
    assert crd.main() == 0
    crd.FILE.write_text("other", encoding="utf-8")
    assert crd.main() == 1
