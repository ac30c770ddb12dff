"""What is generated: current, and told if it is not."""

import asyncio
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

import generate
from apiserver import FakeCluster, InProcess
from chart_cases import NAMESPACE, RELEASE, of_kind, only, pod, render, variables
from chart_manifests import manifests
from chart_readme import readme
from tracedmodel_api import crd
from tracedmodel_operator.kube import Kube
from tracedmodel_operator.permissions import lacking, needed

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config"
HELMS = {"app.kubernetes.io/managed-by", "helm.sh/chart"}


def documents(path):
    return list(yaml.safe_load_all((CONFIG / path).read_text(encoding="utf-8")))


def kustomization(folder):
    (document,) = documents(f"{folder}/kustomization.yaml")
    return document


def test_everything_generated_is_current():
    assert generate.outdated() == []


def test_what_is_out_of_date_is_named(tmp_path, monkeypatch, capsys):
    file = tmp_path / "README.md"
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    monkeypatch.setattr(generate, "generated", lambda: {file: "new"})
    monkeypatch.setattr("sys.argv", ["generate.py", "--check"])
    assert generate.main() == 1
    assert capsys.readouterr().err == "README.md is out of date: run `make generate`\n"
    monkeypatch.setattr("sys.argv", ["generate.py"])
    assert generate.main() == 0
    monkeypatch.setattr("sys.argv", ["generate.py", "--check"])
    assert generate.main() == 0


def test_the_readme_escapes_what_would_end_a_cell():
    metadata = "{name: a, description: b, version: 1, appVersion: 1, kubeVersion: c}"
    assert "| `a` | `1` | x \\| y |\n" in readme(metadata, "# x | y\na: 1\n")


@pytest.mark.parametrize("folder", ["crd", "base", "default", "namespaced", "keda"])
def test_every_file_of_a_kustomization_is_used_and_there(folder):
    told = kustomization(folder)
    used = [*told.get("resources", ()), *(patch["path"] for patch in told.get("patches", ()))]
    assert all((CONFIG / folder / name).exists() for name in used)
    files = {file.name for file in (CONFIG / folder).iterdir()} - {"kustomization.yaml"}
    assert files == {name for name in used if not name.startswith("..")}


def test_the_definition_is_applied_as_it_is():
    assert documents(f"crd/{crd.FILE.name}") == [crd.definition()]


def test_manifests_have_nothing_by_which_helm_would_take_them_for_its_own():
    for text in manifests().values():
        # A JSON patch is a list, without metadata.
        for item in (one for one in yaml.safe_load_all(text) if "metadata" in one):
            assert not HELMS & set(item["metadata"].get("labels", ()))
            assert "annotations" not in item["metadata"]


def plain(values):
    """Return what the chart makes, less the definition, Helm's labels and the order."""
    return {
        (item["kind"], item["metadata"]["name"]): item
        for item in render(values)
        if item["kind"] != "CustomResourceDefinition"
    }


def test_cluster_wide_manifests_are_all_of_the_chart_s():
    found = [*documents("base/operator.yaml"), *documents("default/roles.yaml")]
    assert {(item["kind"], item["metadata"]["name"]) for item in found} == set(plain({}))
    deployment = only(found, "Deployment")
    assert pod([deployment])["spec"] == pod(render())["spec"]


def test_manifests_for_one_namespace_have_no_role_of_the_cluster():
    kinds = {item["kind"] for item in documents("namespaced/roles.yaml")}
    assert kinds == {"Role", "RoleBinding"}
    assert "../crd" not in kustomization("namespaced")["resources"]


def test_serving_pods_are_selected_by_the_labels_that_the_operator_gives_them():
    found = only(documents("base/operator.yaml"), "NetworkPolicy")
    assert found["spec"] == only(render(), "NetworkPolicy")["spec"]


def test_deleting_the_manifests_for_one_namespace_does_not_delete_the_namespace():
    for path in ("base/operator.yaml", "namespaced/roles.yaml"):
        assert not {"Namespace"} & {item["kind"] for item in documents(path)}


def test_the_namespace_lets_in_restricted_pods_alone():
    (namespace,) = documents("default/namespace.yaml")
    assert namespace["metadata"]["labels"] == {"pod-security.kubernetes.io/enforce": "restricted"}


def built(folder):
    """Return what kubectl makes of a folder."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("NO KUBECTL: what it makes of config/ was not looked at")
    text = subprocess.run([kubectl, "kustomize", str(folder)], capture_output=True, check=True)
    return list(yaml.safe_load_all(text.stdout))


KEDA = {"autoscaling": {"engine": "KEDA"}}
ONE = {"namespaces": [NAMESPACE], "rbac": {"userRoles": False}}
VALUES = {"default": {}, "namespaced": ONE}
"""By folder, values with which the chart makes the same."""


def check_same(found, helms):
    """Check that what kubectl makes is what Helm makes."""
    aside = ("Namespace", "CustomResourceDefinition")
    for item in (one for one in found if one["kind"] not in aside):
        wanted = helms.pop((item["kind"], item["metadata"]["name"]))
        assert sorted_variables(item.get("spec")) == without_helm(wanted.get("spec"))
        assert item.get("rules") == wanted.get("rules")
        assert item.get("subjects") == wanted.get("subjects")
    assert helms == {}


@pytest.mark.parametrize("folder", VALUES)
def test_kubectl_makes_of_them_what_helm_makes_of_the_chart(folder):
    check_same(built(CONFIG / folder), plain(VALUES[folder]))


def sorted_variables(spec):
    """Return a spec with variables in the order of their names: patches put theirs first."""
    for container in (spec or {}).get("template", {}).get("spec", {}).get("containers", ()):
        container["env"].sort(key=lambda one: one["name"])
    return spec


def without_helm(value):
    if isinstance(value, dict):
        gone = {"helm.sh/chart"} | {k for k in HELMS if value.get(k) == "Helm"}
        return {key: without_helm(one) for key, one in value.items() if key not in gone}
    return [without_helm(one) for one in value] if isinstance(value, list) else value


def own(folder, root):
    """Return the folder of a copy of config/ and of the kustomization of docs/install.md, for one of its folders."""
    shutil.copytree(CONFIG, root / "config")
    page = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```yaml\n(.*?components: .*?)```", page, re.DOTALL)
    assert "config/default" in text
    (root / "kustomization.yaml").write_text(text.replace("config/default", f"config/{folder}"))
    return root


@pytest.mark.parametrize("folder", VALUES)
def test_with_the_component_for_keda_kubectl_makes_what_helm_makes_with_that_engine(
    folder, tmp_path
):
    check_same(built(own(folder, tmp_path)), plain({**VALUES[folder], **KEDA}))


@pytest.mark.parametrize(("folder", "kind"), [("default", "ClusterRole"), ("namespaced", "Role")])
def test_with_the_component_for_keda_the_operator_may_do_what_it_needs_and_nothing_else(
    folder, kind, tmp_path
):
    roles = of_kind(built(own(folder, tmp_path)), kind)
    (rules,) = (role["rules"] for role in roles if role["metadata"]["name"] == RELEASE)
    verbs = [verb for rule in rules for _ in rule["resources"] for verb in rule["verbs"]]
    assert len(verbs) == len(list(needed(keda=True)))
    cluster = FakeCluster()
    cluster.access.grant(rules)
    assert asyncio.run(lacking(Kube(InProcess(cluster)), [None], keda=True)) == []


def test_without_the_component_the_operator_lacks_what_keda_takes():
    cluster = FakeCluster()
    role = next(i for i in documents("default/roles.yaml") if i["metadata"]["name"] == RELEASE)
    cluster.access.grant(role["rules"])
    missing = asyncio.run(lacking(Kube(InProcess(cluster)), [None], keda=True))
    assert missing
    assert all("scaledobjects" in one for one in missing)


def test_another_namespace_is_one_line(tmp_path):
    shutil.copytree(CONFIG, tmp_path / "config")
    file = tmp_path / "config" / "namespaced" / "kustomization.yaml"
    file.write_text(file.read_text().replace(f"namespace: {NAMESPACE}", "namespace: models"))
    found = built(file.parent)
    assert variables(found)["TRACEDMODEL_OPERATOR_NAMESPACES"] == '["models"]'
    assert NAMESPACE not in yaml.safe_dump_all(found)
