"""The operator with real exporters and servers on emulated NeuronCores: how it fares when artifacts or chips are bad."""

import contextlib
import re
import subprocess
import sys

import httpx
import pytest

import neuron_pod
import tiny_models
from kubelet import Kubelets, Node
from operated import Operated
from resources import SETTINGS
from tracedmodel_operator.kinds import POD

NAME = "tiny"
TEXTS = ["Snow falls on Oslo.", "The staff was kind."]
HOLD = """
import sys
from torch_neuron.runtime import runtime
runtime.start()
print("held", flush=True)
sys.stdin.read()
"""


class Life:
    """One TracedModel in a cluster of a node for exports and of Inf1 nodes."""

    def __init__(self, model, store, folder, port):
        settings = {"default_store_url": f"file://{store}", "file_stores": True, "hub_cache": None}
        self.operated = Operated(SETTINGS.with_(serving_port=port, drain_seconds=0, **settings))
        self.devices = {
            name: neuron_pod.make_device(folder / name) for name in ("inf-1", "inf-2", "inf-3")
        }
        nodes = [Node("cpu"), *(Node(name, device) for name, device in self.devices.items())]
        self.kubelets = Kubelets(self.operated, folder / "pods", *nodes)
        self.port = port
        self.heard = []
        self.operated.checks.append(self._listen)
        bucket = {"batchSize": 2, "sequenceLength": 16}
        self.spec = {
            "model": {"source": f"file://{model}", "revision": None, "task": "TextClassification"},
            "target": "Inf1",
            "export": {"buckets": [bucket], "compiler": {"minCompiledPercent": 80}},
        }

    def apply(self, spec):
        self.operated.apply(spec, NAME)

    def status(self):
        return self.operated.status(NAME)

    def conditions(self):
        return self.operated.conditions(NAME)

    def until_ready(self):
        self.kubelets.until(lambda: self.conditions().get("Ready") == "Succeeded")

    def told(self, kind):
        """Return the message of a condition."""
        (found,) = [c["message"] for c in self.status()["conditions"] if c["type"] == kind]
        return found

    def _listen(self, _):
        self.heard.append((self.conditions(), self.told("Ready")))

    def ask(self, path, **body):
        """Return what every ready server answers."""
        urls = [f"http://{address}:{self.port}{path}" for address in self.kubelets.addresses()]
        method = "POST" if body else "GET"
        answers = [
            httpx.request(method, url, json=body, timeout=60, trust_env=False) for url in urls
        ]
        return [answer.raise_for_status().json() for answer in answers]

    def predictions(self):
        return self.ask(f"/v1/models/{NAME}:predict", instances=TEXTS)

    def nodes_of(self, component):
        """Return the nodes of the pods of exports or servers, those without one left out."""
        key = "app.kubernetes.io/component"
        pods = self.operated.cluster.objects(POD)
        own = [pod["spec"] for pod in pods if pod["metadata"]["labels"][key] == component]
        return [spec["nodeName"] for spec in own if "nodeName" in spec]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_models.build(tmp_path_factory.mktemp("model"), "bert", "TextClassification")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.fixture
def life(model, store, tmp_path, free_port):
    made = Life(model, store, tmp_path, free_port)
    with contextlib.closing(made.kubelets):
        yield made


@pytest.fixture
def served(life):
    life.apply(life.spec)
    life.until_ready()
    return life


def test_a_model_is_exported_without_a_device_and_its_figures_are_what_a_server_proved(served):
    assert (served.nodes_of("export"), served.nodes_of("serving")) == (["cpu"], ["inf-1"])
    (proof,) = served.ask("/proof")
    (proved,), (shown,) = proof["buckets"], served.status()["artifact"]["buckets"]
    assert shown["digest"] == proved["digest"]
    assert shown["maxAbsoluteError"] == f"{proved['maxAbsoluteError']:.2g}"
    assert shown["agreement"] == f"{proved['agreement']:.4g}"
    assert shown["latency"] == {
        name: proved[name] for name in ("p50Microseconds", "p99Microseconds")
    }
    (answers,) = served.predictions()
    assert len(answers["predictions"]) == len(TEXTS)


def test_an_artifact_that_two_nodes_cannot_prove_is_given_up_while_the_last_good_one_answers(
    served,
):
    good, before = served.status()["artifact"]["digest"], served.predictions()
    served.heard.clear()
    served.apply({"export": {"tolerance": {"absolute": "0.00001", "relative": "0.00001"}}})

    def is_rolled_back():
        assert served.predictions() == before
        return served.conditions().get("Stalled") == "RolledBack"

    served.kubelets.until(is_rolled_back)
    assert {c["Available"] for c, _ in served.heard} == {"ReplicasAvailable"}
    assert {c.get("Stalled") for c, _ in served.heard} == {None, "RolledBack"}
    bad, serving = served.status()["artifact"]["digest"], served.status()["serving"]
    assert (serving["artifactDigest"], served.nodes_of("serving")) == (good, ["inf-1"])
    assert re.fullmatch(
        rf"ProofFailed: artifact {bad[:12]} failed on inf-2 and inf-3: "
        r"bucket 2x16: output logits is off by 0\.0\d+, allowed are 2e-05 .*; "
        rf"returned to artifact {good[:12]}",
        served.told("Stalled"),
    )


def test_a_bad_chip_is_named_and_a_server_on_another_node_proves_the_artifact(served):
    neuron_pod.make_device(served.devices["inf-2"], broken=dict.fromkeys(range(4), "noise"))
    good = served.status()["artifact"]["digest"]
    served.heard.clear()
    served.apply({"export": {"tolerance": {"absolute": "0.06"}}})

    def is_proved():
        assert served.predictions()
        return served.status()["serving"]["artifactDigest"] != good

    served.kubelets.until(is_proved)
    assert served.conditions()["Ready"] == "Succeeded"
    assert served.nodes_of("serving") == ["inf-3"]
    assert {c["Available"] for c, _ in served.heard} == {"ReplicasAvailable"}
    assert not any("Stalled" in c for c, _ in served.heard)
    assert not {"rejected", "doubt"} & served.status()["serving"].keys()
    failure = served.status()["lastFailure"]
    assert failure["reason"] == "ProofFailed"
    assert failure["message"].startswith("a server ended on inf-2 2 times: bucket 2x16: ")


def test_cores_that_another_process_holds_are_told_until_they_are_free(life):
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", HOLD],
        env=neuron_pod.environment(life.devices["inf-1"]),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        life.apply(life.spec)
        life.kubelets.until(lambda: "2 times" in life.told("Ready"))
    assert life.conditions()["Ready"] == "!CoresNotAvailable"
    assert life.told("Ready").startswith("a server ended on inf-1 2 times: bucket 2x16: ")
    assert "NeuronCore(s) not available" in life.told("Ready")
    life.until_ready()
    assert life.nodes_of("serving") == ["inf-1"]
    assert not any("Stalled" in c for c, _ in life.heard)
