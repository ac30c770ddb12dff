"""docs/quick-start/eks.md says what examples/eks has, and its figures agree."""

import re

import pytest
import yaml

from eks import ACCOUNT, CLUSTERS, FOLDER, ROOT, association, cluster

DOCS = ROOT / "docs"
PAGE = (DOCS / "quick-start" / "eks.md").read_text(encoding="utf-8")
INF1_PAGE = (DOCS / "inf1.md").read_text(encoding="utf-8")
IMAGES = "operator exporter-inf1 server-inf1"


def table(*head):
    """Return the rows of the table whose head begins with some cells."""
    lines = PAGE[PAGE.index(f"| {' | '.join(head)} |") :].partition("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


COSTS = {row[0]: float(row[1]) for row in table("what", "$ an hour")}
TOTAL = "sum while it serves"


def test_the_costs_make_their_sum():
    names = list(COSTS)
    parts = names[: names.index(TOTAL)]
    assert len(parts) == 5
    assert sum(COSTS[name] for name in parts) == pytest.approx(COSTS[TOTAL])
    assert f"about {COSTS[TOTAL] * 24:.0f} dollars a day" in PAGE


def test_inf1_costs_what_its_page_says():
    (row,) = re.findall(r"^\| inf1\.xlarge \|(.+)\|$", INF1_PAGE, re.MULTILINE)
    assert str(COSTS["1 inf1.xlarge"]) in row.split()


def test_the_disks_cost_what_the_node_groups_have():
    groups = {group["name"]: group for group in cluster("cluster.yaml")["managedNodeGroups"]}
    eksctl_s_own = 80
    size = sum(
        groups[name]["desiredCapacity"] * groups[name].get("volumeSize", eksctl_s_own)
        for name in ("system", "inf1")
    )
    assert round(size * 0.08 / 730, 3) == COSTS[f"disks of these, {size} GB of gp3"]


def test_nodes_and_costs_are_those_of_the_node_groups_at_their_beginning():
    shown = {name.strip("`"): nodes for name, nodes, _ in table("node group")}
    groups = cluster("cluster.yaml")["managedNodeGroups"]
    assert list(shown) == [group["name"] for group in groups]
    for group in groups:
        nodes = f"{group['desiredCapacity']} {group['instanceTypes'][0]}"
        assert shown[group["name"]].partition(",")[0] == nodes
        assert nodes in " ".join(COSTS)


def test_every_file_is_on_the_page_and_every_link_leads_somewhere():
    links = re.findall(r"\]\((?!https)([^)#]+)", PAGE)
    there = {(DOCS / "quick-start" / link).resolve() for link in links}
    assert all(path.exists() for path in there)
    assert set(FOLDER.iterdir()) <= there
    named = set(re.findall(r"my-eks/([\w.-]+)", PAGE))
    assert named == {path.name for path in FOLDER.iterdir()}


def test_every_link_by_name_is_defined():
    named = set(re.findall(r"\]\[(\w+)\]", PAGE))
    assert named == set(re.findall(r"^\[(\w+)\]: https://\S+$", PAGE, re.MULTILINE))


def test_the_images_that_are_made_are_pushed_and_deleted():
    (made,) = re.findall(r"^make (.+?) REGISTRY=\$REGISTRY", PAGE, re.MULTILINE)
    assert made == "image-operator images-inf1"
    assert re.findall(r"^for name in (.+); do", PAGE, re.MULTILINE) == [IMAGES] * 3


def test_roles_for_service_accounts_give_what_pod_identity_gives():
    blocks = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    (found,) = [one["iam"] for one in map(yaml.safe_load, blocks) if "iam" in one]
    role = association()
    assert found["withOIDC"]
    assert found["serviceAccounts"] == [
        {
            "metadata": {"name": role["serviceAccountName"], "namespace": role["namespace"]},
            "roleName": role["roleName"],
            "attachPolicy": role["permissionPolicy"],
        }
    ]


def test_what_is_pinned_is_what_the_page_explains():
    groups = {group["name"]: group for group in cluster("cluster.yaml")["managedNodeGroups"]}
    release = groups["inf1"]["releaseVersion"]
    assert f"at v{release.partition('-')[2]}:" in PAGE
    assert f"They take Kubernetes {cluster('cluster.yaml')['metadata']['version']} because" in PAGE


def test_commands_name_the_cluster_and_the_karpenter_whose_schema_was_checked():
    (name,) = {cluster(one)["metadata"]["name"] for one in CLUSTERS}
    for one in (f"--cluster {name} ", f"ClusterName={name}\n", f"settings.clusterName={name} "):
        assert one in PAGE
    (checked,) = re.findall(r"and Karpenter (\S+),", PAGE)
    assert f"KARPENTER_VERSION={checked}\n" in PAGE
    assert f"version {checked}." in (FOLDER / "cluster-karpenter.yaml").read_text(encoding="utf-8")


def test_the_device_plugin_is_the_one_that_inf1_s_page_names():
    (one,) = re.findall(r"^RAW=\S+", PAGE, re.MULTILINE)
    assert one in INF1_PAGE


def test_the_files_speak_of_one_account_and_region_which_the_page_replaces():
    text = "".join(path.read_text(encoding="utf-8") for path in FOLDER.iterdir())
    assert set(re.findall(r"\d{12}", text)) == {ACCOUNT}
    assert set(re.findall(r"[a-z]{2}-[a-z]+-\d", text)) == {"us-east-1"}
    for one in (f"s/{ACCOUNT}/$ACCOUNT/g", "s/us-east-1/$REGION/g"):
        assert one in PAGE
