"""What kubectl is told to do in the documentation, by kubectl itself on a real API server. Changes are dry runs there."""

import copy
import json
import os
import re
import shutil
import subprocess
import sysconfig
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest

from apiserver.envtest import assets, control_plane
from chart_cases import NAMESPACE, render
from pages import documents, kubectl
from pages.blocks import Refused, blocks, pages
from pages.desk import Desk
from states import document, ready

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).parents[2]
CHANGING = {"annotate", "apply", "create", "delete", "label", "patch", "scale", "set"}
NOT_HERE = {
    r"^(exec|logs|port-forward|run|rollout|top) ": "there are no nodes, so nothing runs",
    r"^wait .*\b(deployments?|deploy|jobs?|nodes?|pods?)\b": "as above",
    r"^get --raw /?apis/custom": "nothing serves metrics",
    r"^tracedmodel (logs|buckets) ": "there are no pods whose logs or figures could be read",
    r"^tracedmodel retry .*--wait": "no operator tries again",
    r"https?://": "there is no network",
    rf"\b({'|'.join(kubectl.FOREIGN_KINDS)})\b": "the definitions of others are not here",
}
"""What is not run, by what its words are like, and why."""


def commands():
    """Yield every command of kubectl with its block, and with all that its page has by then."""
    for page in map(blocks, pages()):
        desk = Desk(page[0].page) if page else None
        for block in page:
            found = []
            # What is wrong with a block is said in tests/docs.
            with suppress(Refused):
                found = desk.commands(block) if block.language in ("console", "sh") else []
            desk.read([block])
            for command in found:
                if command.words[0] == "kubectl":
                    yield block, copy.deepcopy(desk), command


FOUND = list(commands())


def reason_against(desk, command):
    """Return why a command is not run, None for one that is."""
    line = " ".join(command.words[1:])
    for pattern, reason in NOT_HERE.items():
        if re.search(pattern, line):
            return reason
    for file in re.findall(r"(?:-f|--filename)[ =](\S+)", line):
        text = desk.text(file, command.given)
        if text is None:
            return "no page says what is in its file"
        items = documents.read(text)
        if {(item["apiVersion"], item["kind"]) for item in items} & set(documents.FOREIGN):
            return "the definitions of others are not here"
    return None


def as_run(command):
    """Return the words with names for placeholders, to change nothing, and to come to an end."""
    words = [re.sub(r"\bNAME\b", "minilm", word) for word in command.words[1:]]
    words = [word for word in words if word not in ("-w", "--watch")]
    return [*words, *(["--dry-run=server"] if words[0] in CHANGING else [])]


class Shell:
    """kubectl, with our plugin beside it."""

    def __init__(self, kubeconfig, binary):
        scripts = sysconfig.get_path("scripts")
        path = os.pathsep.join([str(binary.parent), scripts, os.environ["PATH"]])
        self.environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "PATH": path}
        self.binary = binary

    def kubectl(self, *words, given=None, folder=ROOT):
        return subprocess.run(
            [self.binary, *words],
            input=given or "",
            cwd=folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def done(self, *words, given=None):
        answer = self.kubectl(*words, given=given)
        assert answer.returncode == 0, answer.stderr


@pytest.fixture(scope="module")
def shell(request, tmp_path_factory):
    """A cluster with the chart's objects and TracedModels that are ready."""
    binaries = assets()
    if not request.config.getoption("--cluster", default=False) or binaries is None:
        pytest.skip("NO API SERVER: kubectl needs one; set KUBEBUILDER_ASSETS and say --cluster")
    beside = binaries / "kubectl"
    found = str(beside) if beside.exists() else shutil.which("kubectl")
    if found is None:
        pytest.skip("NO KUBECTL: neither in KUBEBUILDER_ASSETS nor on the path")
    with control_plane(binaries, tmp_path_factory.mktemp("control-plane")) as plane:
        made = Shell(plane.kubeconfig, Path(found))
        furnish(made)
        yield made


def furnish(shell):
    """Make what the pages speak of."""
    examples = sorted((ROOT / "examples").glob("*.yaml"))
    namespaces = {word for *_, command in FOUND for word in named_namespaces(command)}
    for name in sorted({"argocd", NAMESPACE, "search", *namespaces}):
        shell.done("create", "namespace", name)
    gc = {"enabled": True, "store": "s3://models/traced"}
    objects = "\n---\n".join(map(json.dumps, render({"gc": gc})))
    shell.done("apply", "--server-side", "--field-manager=helm", "-f", "-", given=objects)
    shell.done("wait", "--for=condition=Established", "crd/tracedmodels.tracedmodel.dev")
    status = {"status": document(ready())["status"]}
    for namespace in ("default", "search"):
        for file in examples:
            shell.done("apply", "--namespace", namespace, "-f", str(file))
            (item,) = documents.read(file.read_text(encoding="utf-8"))
            words = ("patch", "tm", item["metadata"]["name"], "--namespace", namespace)
            shell.done(*words, "--subresource=status", "--type=merge", "-p", json.dumps(status))


def named_namespaces(command):
    return [after for word, after in pairwise(command.words) if word in ("-n", "--namespace")]


@pytest.mark.parametrize(
    ("desk", "command"),
    [found[1:] for found in FOUND],
    ids=[f"{block}: {command}" for block, _, command in FOUND],
)
def test_kubectl_does_what_a_page_tells_it(shell, tmp_path, desk, command):
    reason = reason_against(desk, command)
    if reason:
        pytest.skip(f"NOT RUN: {reason}")
    desk.lay_out(tmp_path)
    answer = shell.kubectl(*as_run(command), given=command.given, folder=tmp_path)
    # What a page creates may be there already, for the commands below it.
    done = answer.returncode == 0 or "(AlreadyExists)" in answer.stderr
    assert done, f"{answer.stdout}{answer.stderr}"


@pytest.mark.parametrize(
    "words",
    ["get tms", "wait --for=condition=Ready tm/nobody --timeout=1s", "apply -f nothing.yaml"],
)
def test_kubectl_ends_with_a_fault_where_a_page_would_tell_it_something_wrong(shell, words):
    assert shell.kubectl(*words.split()).returncode != 0
