"""examples/gitops: every manifest is one that its reader takes, and all of them speak of the same models."""

import json
import shutil
import subprocess
import textwrap
from pathlib import Path

import pytest
import yaml

import crd_judge
from gitops import ARGO, FLUX
from kustomized import kustomized
from tracedmodel_api.manifests import parse
from tracedmodel_operator.kinds import TRACED_MODEL

EXAMPLES = Path(__file__).parents[2] / "examples"
GITOPS = EXAMPLES / "gitops"
MODELS = GITOPS / "kustomize"
FOLDERS = ["base", "overlays/staging", "overlays/production"]
HEALTH_KEY = f"resource.customizations.health.{TRACED_MODEL.group}_{TRACED_MODEL.name}"
HEALTH_HEAD = """\
# The health check of argocd/ for the ConfigMap that there is; applied so, it leaves the other keys alone:
#   kubectl apply --server-side --field-manager=tracedmodel-health -f argocd-cm.yaml
apiVersion: v1
kind: ConfigMap
metadata:
  name: argocd-cm
  namespace: argocd
data:
"""


def read(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def application():
    return read(GITOPS / "argocd" / "application.yaml")


def applications():
    """Return what Argo CD makes of the set: each element's values in the template."""
    told = read(GITOPS / "argocd" / "applicationset.yaml")["spec"]
    (generator,) = told["generators"]
    return [filled(told["template"], element) for element in generator["list"]["elements"]]


def filled(template, element):
    text = json.dumps(template)
    for name, value in element.items():
        text = text.replace("{{." + name + "}}", value)
    assert "{{" not in text
    return json.loads(text)


def config_map():
    check = (ARGO / "health.lua").read_text(encoding="utf-8")
    return f"{HEALTH_HEAD}  {HEALTH_KEY}: |\n{textwrap.indent(check, '    ')}"


def folder_of(path):
    """Return the example's folder that stands for one of the repository that the tools read."""
    return MODELS / Path(path).relative_to("models")


def test_the_health_check_for_argocd_cm_is_that_of_argo_cds_own_layout(update_golden):
    file = GITOPS / "argocd" / "argocd-cm.yaml"
    if update_golden:
        file.write_text(config_map(), encoding="utf-8")
    assert file.read_text(encoding="utf-8") == config_map()
    assert read(file)["data"] == {HEALTH_KEY: (ARGO / "health.lua").read_text(encoding="utf-8")}


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_environment_is_made_of_manifests_that_are_taken(folder):
    items = kustomized(MODELS / folder)
    assert items
    for item in items:
        assert parse(item).metadata.name == item["metadata"]["name"]
        assert crd_judge.judge(item) == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_kubectl_makes_the_same_of_every_environment(folder):
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("NO KUBECTL: what it makes of examples/gitops/kustomize was not looked at")
    command = [kubectl, "kustomize", str(MODELS / folder)]
    text = subprocess.run(command, capture_output=True, check=True).stdout
    assert list(yaml.safe_load_all(text)) == kustomized(MODELS / folder)


def test_every_file_of_the_environments_is_used():
    for folder in FOLDERS:
        told = read(MODELS / folder / "kustomization.yaml")
        used = [*told["resources"], *(patch["path"] for patch in told.get("patches", ()))]
        files = {file.name for file in (MODELS / folder).iterdir()} - {"kustomization.yaml"}
        assert files == {name for name in used if not name.startswith("..")}


def test_environments_differ_in_where_they_run_and_agree_on_the_model():
    staging, production = (kustomized(MODELS / folder)[0] for folder in FOLDERS[1:])
    assert staging["spec"]["model"] == production["spec"]["model"]
    assert staging["spec"]["store"] == production["spec"]["store"]
    assert [m["spec"]["target"] for m in (staging, production)] == ["CPU", "Inf1"]
    assert all("replicas" not in m["spec"].get("serving", {}) for m in (staging, production))


def test_every_environment_has_its_application_and_each_goes_where_its_models_say():
    made = applications()
    paths = [one["spec"]["source"]["path"] for one in made]
    assert sorted(folder_of(path) for path in paths) == sorted(MODELS / f for f in FOLDERS[1:])
    for one in [*made, application()]:
        (model,) = kustomized(folder_of(one["spec"]["source"]["path"]))
        assert one["spec"]["destination"]["namespace"] == model["metadata"]["namespace"]


def test_the_set_and_the_application_agree_but_for_what_is_ignored():
    alone = application()["spec"]
    of_set = applications()[-1]["spec"]
    assert alone.pop("ignoreDifferences")
    alone["syncPolicy"]["syncOptions"].remove("RespectIgnoreDifferences=true")
    for spec in (alone, of_set):
        del spec["destination"]["server"]
    assert alone == of_set


def test_what_is_ignored_is_what_the_scale_subresource_writes():
    scale = crd_judge.definition()["spec"]["versions"][0]["subresources"]["scale"]
    assert application()["spec"]["ignoreDifferences"] == [
        {
            "group": TRACED_MODEL.group,
            "kind": TRACED_MODEL.name,
            "jsonPointers": [scale["specReplicasPath"].replace(".", "/")],
        }
    ]


def test_flux_reads_an_environment_that_there_is():
    assert kustomized(folder_of(read(FLUX)["spec"]["path"]))
