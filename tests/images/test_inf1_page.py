"""docs/inf1.md says what the code, the constraints and AWS's figures say."""

import re
import subprocess
import textwrap
from pathlib import Path

import pytest
import yaml

from resources import SETTINGS
from tracedmodel_api import manifests
from tracedmodel_api.report import REASONS
from tracedmodel_api.types import Target
from tracedmodel_runtime.neuron_errors import compiling_failure, device_failure, import_failure
from tracedmodel_runtime.neuron_log import read_log

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "inf1.md").read_text(encoding="utf-8")


def table(first_cell):
    """Return the rows of the table whose head begins with a cell."""
    lines = PAGE[PAGE.index(f"| {first_cell} |") :].partition("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def blocks():
    """Return every YAML document of the page, by its kind."""
    texts = re.findall(r"^( *)```yaml\n(.*?)^\1```", PAGE, re.MULTILINE | re.DOTALL)
    documents = [
        document for _, text in texts for document in yaml.safe_load_all(textwrap.dedent(text))
    ]
    return {document.get("kind", "tags"): document for document in documents}


def tolerated():
    return {(one["key"], one["effect"]) for one in SETTINGS.inf1.tolerations}


def test_every_block_is_yaml_of_a_kind_that_it_speaks_of():
    assert set(blocks()) == {"EC2NodeClass", "NodePool", "ClusterConfig", "tags", "Pod"}


def test_karpenter_makes_nodes_that_serving_pods_may_run_on():
    pool, node_class = blocks()["NodePool"], blocks()["EC2NodeClass"]
    spec = pool["spec"]["template"]["spec"]
    assert spec["nodeClassRef"]["name"] == node_class["metadata"]["name"]
    assert {(taint["key"], taint["effect"]) for taint in spec["taints"]} <= tolerated()
    wanted = {one["key"]: one["values"] for one in spec["requirements"]}
    assert set(wanted["node.kubernetes.io/instance-type"]) <= set(SETTINGS.inf1.instance_types)
    assert wanted["kubernetes.io/arch"] == ["amd64"]


def test_node_groups_have_nodes_that_serving_pods_may_run_on():
    (group,) = blocks()["ClusterConfig"]["managedNodeGroups"]
    assert {(taint["key"], taint["effect"]) for taint in group["taints"]} <= tolerated()
    assert set(group["instanceTypes"]) <= set(SETTINGS.inf1.instance_types)


def test_cluster_autoscaler_is_told_of_what_serving_pods_ask_for():
    tags, (group,) = blocks()["tags"], blocks()["ClusterConfig"]["managedNodeGroups"]
    prefix = "k8s.io/cluster-autoscaler/node-template"
    (taint,) = group["taints"]
    assert tags == {
        f"{prefix}/resources/{SETTINGS.neuron_resource}": "4",
        f"{prefix}/taint/{taint['key']}": f"{taint['value']}:{taint['effect']}",
        f"{prefix}/label/node.kubernetes.io/instance-type": group["instanceTypes"][0],
    }


def test_the_first_check_runs_the_server_s_image_on_a_core():
    spec = blocks()["Pod"]["spec"]
    (container,) = spec["containers"]
    assert container["image"].partition(":")[0] == SETTINGS.inf1.server_image.partition(":")[0]
    assert container["resources"]["limits"] == {SETTINGS.neuron_resource: "1"}
    assert {(one["key"], one["effect"]) for one in spec["tolerations"]} == tolerated()
    compile(container["command"][2], "command", "exec")


def test_names_the_versions_that_are_pinned():
    pins = (ROOT / "constraints" / "inf1.txt").read_text(encoding="utf-8")
    versions = dict(re.findall(r"^([\w-]+)==(\S+)$", pins, re.MULTILINE))
    for what, version, _ in table("what"):
        names = what.split(", ")
        if versions.keys() >= set(names):
            assert version == ", ".join(versions[name] for name in names)
    assert {row[0] for row in table("what")} >= {"torch-neuron", "neuron-cc", "torch"}


def test_counts_buckets_by_the_rule_that_it_gives():
    rows = table("model | weights, million")
    assert len(rows) == 6
    for _, millions, buckets in rows:
        assert int(buckets) == round(1e9 / (float(millions) * 1e6))


def test_counts_prices_by_the_formula_that_it_gives():
    rows = table("model | batch")
    on_demand = {row[0]: float(row[5]) for row in table("instance")}["inf1.xlarge"]
    assert len(rows) == 4
    for _, _, throughput, _, _, demanded, reserved in rows:
        hours = 1e6 / float(throughput) / 3600
        assert (float(demanded), float(reserved)) == (
            round(hours * on_demand, 3),
            round(hours * 0.110, 3),
        )


def test_sizes_every_instance_type_that_serving_pods_run_on():
    assert [row[0] for row in table("instance")] == SETTINGS.inf1.instance_types


def reasons_of(text, folder):
    """Return what the code makes of a text: by what it knows it, else whatever it calls the unknown."""
    if text == "subprocess.TimeoutExpired":
        raised = subprocess.TimeoutExpired("neuron-cc", 3600)
    else:
        raised = (subprocess.SubprocessError if "neuron-cc failed" in text else RuntimeError)(text)
    failures = {
        "VersionMismatch": import_failure(ImportError(text)),
        "TraceFailed": compiling_failure(raised, read_log([text]), folder, "bucket"),
        "LoadFailed": device_failure(RuntimeError(text), (), "worker", folder / "version"),
    }
    known = {one.reason.name for unknown, one in failures.items() if one.reason.name != unknown}
    return known or set(failures)


ERRORS = [(re.findall("`([^`]+)`", row[0]), row) for row in table("text")]


def test_counts_the_host_s_memory_by_the_formula_that_it_gives():
    weights = {
        "MiniLM": 30_522 * 384,
        "BERT-base": 30_522 * 768,
        "XLM-RoBERTa-base": 250_002 * 768,
    }
    for name, count in weights.items():
        assert f"{count * 4 / 1e6:.0f} MB of {name}" in PAGE
    assert f"two\nbuckets of that on four cores take {250_002 * 768 * 4 * 8 / 1e9:.1f} GB" in PAGE


def test_says_what_a_serving_pod_asks_for_by_default():
    asked = SETTINGS.inf1.serving_resources
    assert f"{asked['cpu']} CPUs and {asked['memory']} unless" in PAGE


def test_every_error_has_a_reason_that_there_is_a_meaning_and_a_remedy():
    assert len(ERRORS) > 15
    for _, row in ERRORS:
        assert len(row) == 4
        assert all(row)
        assert row[1].strip("`") in REASONS


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (text, row[1].strip("`"))
        for texts, row in ERRORS
        if not row[0].startswith("no text")
        for text in texts
    ],
)
def test_every_text_of_an_error_has_the_reason_that_the_code_gives_it(text, reason, tmp_path):
    assert reason in reasons_of(text, tmp_path)


def test_every_reason_of_the_device_and_its_compiler_is_on_the_page():
    told = {row[1].strip("`") for _, row in ERRORS}
    assert {name for name in REASONS if re.match("Compile|Core|De|Driver|Operators", name)} <= told


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.yaml")), ids=lambda p: p.name)
def test_every_example_is_a_good_manifest(path):
    for document in manifests.read_documents(path.read_text(encoding="utf-8")):
        manifests.parse(document)


def test_the_example_that_it_applies_is_for_inf1():
    (name,) = set(re.findall(r"examples/\S+\.yaml", PAGE))
    (document,) = manifests.read_documents((ROOT / name).read_text(encoding="utf-8"))
    resource = manifests.parse(document)
    assert resource.spec.target is Target.INF1
    assert PAGE.count(f"tm {resource.metadata.name}") >= 3


def test_the_files_and_settings_that_it_names_are_there():
    for name in re.findall(r"`((?:exporter|server|constraints)/[\w./]+)`", PAGE):
        assert (ROOT / name).is_file()
    for name in re.findall(r"TRACEDMODEL_OPERATOR_(\w+)", PAGE):
        assert name.lower() in type(SETTINGS).model_fields
