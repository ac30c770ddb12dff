"""docs/quick-start/kind.md: its manifests are good and fit together, and its commands name what there is."""

import copy
import re
from pathlib import Path

import pytest
import yaml

from chart_cases import FOLDER, NAMESPACE, RELEASE
from resources import SETTINGS
from tracedmodel_api import __version__
from tracedmodel_api.manifests import parse
from tracedmodel_api.report import REASONS
from tracedmodel_operator.cli import program
from tracedmodel_operator.render import pods

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docs" / "quick-start" / "kind.md"
PAGE = FILE.read_text(encoding="utf-8")
EXAMPLES = ROOT / "examples" / "kind"
SHELL = "".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL))
CONSOLE = "".join(re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL))
COMMANDS = [*SHELL.splitlines(), *re.findall(r"^\$ (.*)$", CONSOLE, re.MULTILINE)]
STORE = {
    document["kind"]: document
    for document in yaml.safe_load_all((EXAMPLES / "store.yaml").read_text(encoding="utf-8"))
}
MODEL = yaml.safe_load((EXAMPLES / "minilm.yaml").read_text(encoding="utf-8"))


def command(beginning):
    (found,) = [one for one in COMMANDS if one.startswith(beginning)]
    return found


def test_the_model_that_it_shows_is_the_example_and_a_good_manifest():
    shown, added = map(yaml.safe_load, re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
    assert shown == {"spec": MODEL["spec"]}
    model = copy.deepcopy(MODEL)
    model["spec"]["export"]["buckets"] += added
    resource = parse(model)
    assert len(resource.spec.export.buckets) == 3


def test_the_model_s_store_is_the_claim_and_the_claim_s_volume_is_kept_for_it():
    claim, volume = STORE["PersistentVolumeClaim"], STORE["PersistentVolume"]
    place = {key: claim["metadata"][key] for key in ("name", "namespace")}
    assert parse(MODEL).spec.store.persistent_volume_claim_name == place["name"]
    assert MODEL["metadata"]["namespace"] == place["namespace"]
    assert STORE["Namespace"]["metadata"]["name"] == place["namespace"]
    assert volume["spec"]["claimRef"] == place
    assert claim["spec"]["volumeName"] == volume["metadata"]["name"]
    assert volume["spec"]["accessModes"] == claim["spec"]["accessModes"] == ["ReadWriteMany"]
    assert volume["spec"]["storageClassName"] == claim["spec"]["storageClassName"] == ""
    wanted = claim["spec"]["resources"]["requests"]["storage"]
    assert volume["spec"]["capacity"]["storage"] == wanted


def test_the_store_s_folder_belongs_to_the_user_that_pods_run_as():
    user, group = pods.POD_SECURITY["runAsUser"], pods.POD_SECURITY["runAsGroup"]
    path = STORE["PersistentVolume"]["spec"]["hostPath"]["path"]
    assert command("docker exec").endswith(f"--owner={user} --group={group} {path}")
    assert f"as user {user}" in PAGE


def test_the_images_that_it_loads_are_those_that_the_cluster_asks_for():
    parts, image = re.search(r'for part in (.*?); do kind load .* "(\S+)"; done', SHELL).groups()
    loaded = {image.replace("$part", part) for part in parts.split()}
    values = yaml.safe_load((FOLDER / "values.yaml").read_text(encoding="utf-8"))
    own = f"{values['image']['repository']}:{__version__}"
    assert loaded == {own, SETTINGS.cpu.exporter_image, SETTINGS.cpu.server_image}


def test_helm_s_command_makes_the_release_that_the_others_ask_about():
    assert command("helm install").split()[2:4] == [RELEASE, FOLDER.relative_to(ROOT).as_posix()]
    assert f"deployment/{RELEASE} --namespace {NAMESPACE}" in command("kubectl wait")


def test_all_commands_speak_of_one_cluster_and_one_namespace():
    assert set(re.findall(r"--name (\S+)", SHELL)) == {"tracedmodel"}
    assert "docker exec tracedmodel-control-plane " in SHELL
    namespaces = set(re.findall(r"--namespace (\S+)", SHELL + CONSOLE))
    assert namespaces == {NAMESPACE, MODEL["metadata"]["namespace"]}


def test_every_command_of_kubectl_tracedmodel_is_one():
    (known,) = program.parser()._subparsers._group_actions
    used = set(re.findall(r"kubectl tracedmodel ([a-z]+) minilm|kubectl tracedmodel (diff) ", PAGE))
    assert {one or other for one, other in used} >= {"wait", "status", "diff", "logs", "buckets"}
    assert {one or other for one, other in used} <= set(known.choices)


def test_nothing_that_it_shows_failed():
    assert not [name for name in REASONS if name in CONSOLE]


@pytest.mark.parametrize("link", re.findall(r"\]\((?!https)([^)#]+)", PAGE))
def test_links_lead_somewhere(link):
    assert (FILE.parent / link).exists()


def test_files_that_commands_name_are_there():
    named = set(re.findall(r"examples/\S+\.yaml|charts/\S+", SHELL + CONSOLE))
    assert len(named) >= 3
    assert all((ROOT / name).exists() for name in named)
