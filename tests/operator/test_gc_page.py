"""docs/garbage.md and its example say what the code does."""

import argparse
import re
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from pod_security import violations
from tracedmodel_operator.gc import command

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "garbage.md").read_text(encoding="utf-8")
EXAMPLE = "examples/gc/cronjob.yaml"


def parser():
    found = argparse.ArgumentParser()
    command.configure(found)
    return found


def documents():
    return list(yaml.safe_load_all((ROOT / EXAMPLE).read_text(encoding="utf-8")))


def of_kind(kind):
    (found,) = [document for document in documents() if document["kind"] == kind]
    return found


def pod():
    return of_kind("CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"]


def test_the_page_has_every_flag_and_no_other():
    rows = [line.split(" | ")[0] for line in PAGE.splitlines() if line.startswith("| `--")]
    told = re.findall(r"`(--[a-z-]+)", "".join(rows))
    flags = [action.option_strings[-1] for action in parser()._actions[1:]]
    assert sorted(told) == sorted(flags)


def test_the_page_names_the_example_that_there_is():
    assert f"(../{EXAMPLE})" in PAGE


@pytest.mark.parametrize("document", documents(), ids=lambda document: document["kind"])
def test_the_example_is_valid(document):
    kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


def test_the_example_only_shows_and_keeps_to_the_restricted_profile():
    (container,) = pod()["containers"]
    assert container["command"] == ["tracedmodel", "gc"]
    assert not parser().parse_args(container["args"]).delete
    assert violations(pod()) == []


def test_the_example_may_do_what_the_command_does_and_no_more():
    assert of_kind("ClusterRoleBinding")["subjects"][0]["name"] == pod()["serviceAccountName"]
    rules = of_kind("ClusterRole")["rules"]
    assert [(rule["resources"], rule["verbs"]) for rule in rules] == [
        (["tracedmodels"], ["list"]),
        (["configmaps"], ["list"]),
    ]
