"""docs/garbage.md and its examples say what the code does."""

import argparse
import re
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from exporting import ExportingCluster, Stores
from pod_security import violations
from tracedmodel_api.store import blob_path
from tracedmodel_operator.gc import command
from tracedmodel_operator.kinds import TRACED_MODEL
from tracedmodel_operator.render.pods import POD_SECURITY
from tracedmodel_operator.stores import MOUNT

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "garbage.md").read_text(encoding="utf-8")
EXAMPLES = {path.stem: path for path in (ROOT / "examples" / "gc").iterdir()}

each_example = pytest.mark.parametrize("name", EXAMPLES)


def parser():
    found = argparse.ArgumentParser()
    command.configure(found)
    return found


def documents(name):
    return list(yaml.safe_load_all(EXAMPLES[name].read_text(encoding="utf-8")))


def of_kind(name, kind):
    (found,) = [document for document in documents(name) if document["kind"] == kind]
    return found


def pod(name):
    return of_kind(name, "CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"]


def asked(name):
    (container,) = pod(name)["containers"]
    assert container["command"] == ["tracedmodel", "gc"]
    return parser().parse_args(container["args"])


def test_the_page_has_every_flag_and_no_other():
    rows = [line.split(" | ")[0] for line in PAGE.splitlines() if line.startswith("| `--")]
    told = re.findall(r"`(--[a-z-]+)", "".join(rows))
    flags = [action.option_strings[-1] for action in parser()._actions[1:]]
    assert sorted(told) == sorted(flags)


def test_the_page_names_the_examples_that_there_are():
    links = set(re.findall(r"\(\.\./(examples/gc/[^)]+)\)", PAGE))
    assert links == {str(path.relative_to(ROOT)) for path in EXAMPLES.values()}


@each_example
def test_an_example_is_valid(name):
    for document in documents(name):
        kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


@each_example
def test_an_example_only_shows_and_keeps_to_the_restricted_profile(name):
    assert not asked(name).delete
    assert violations(pod(name)) == []


@pytest.mark.parametrize(("name", "kind"), [("cronjob", "ClusterRole"), ("claim", "Role")])
def test_an_example_may_do_what_the_command_does_and_no_more(name, kind):
    binding = of_kind(name, f"{kind}Binding")
    assert binding["subjects"][0]["name"] == pod(name)["serviceAccountName"]
    assert binding["roleRef"]["kind"] == kind
    rules = of_kind(name, kind)["rules"]
    assert [(rule["resources"], rule["verbs"]) for rule in rules] == [
        (["tracedmodels"], ["list"]),
        (["configmaps"], ["list"]),
    ]


def test_a_claim_is_cleaned_where_it_is_by_whom_exporters_write_as():
    spec, options = pod("claim"), asked("claim")
    assert spec["securityContext"] == POD_SECURITY
    (volume,), ((mount,),) = spec["volumes"], [c["volumeMounts"] for c in spec["containers"]]
    assert volume["name"] == mount["name"]
    assert options.store == f"file://{mount['mountPath']}" == f"file://{MOUNT}"
    spaces = {document["metadata"]["namespace"] for document in documents("claim")}
    assert spaces == {*options.namespace}


def test_what_tracedmodels_with_a_claim_serve_stays_in_it(monkeypatch):
    stores = Stores(monkeypatch)
    cluster = ExportingCluster(stores)
    (volume,) = pod("claim")["volumes"]
    claim = {"persistentVolumeClaimName": volume["persistentVolumeClaim"]["claimName"]}
    cluster.apply({"store": claim})
    cluster.settle()
    cluster.apply({"store": claim, "model": {"task": "TextClassification"}}, "other")
    cluster.settle()
    assert cluster.traced == [2, 2]
    cluster.cluster.delete(TRACED_MODEL, "search", "other")
    cluster.settle()
    url = asked("claim").store
    before = stores.paths(url)
    stores.pass_days(30)
    gone = stores.clean(url, cluster)
    assert len([path for path in gone if path.startswith("graphs/")]) == 2
    assert cluster.conditions()["Ready"] == "Succeeded"
    kept = {*before} - {*gone}
    assert {
        blob_path(bucket["digest"]) for bucket in cluster.status()["artifact"]["buckets"]
    } <= kept
