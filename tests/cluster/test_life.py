"""The operator as a process: a resource's life, with controllers played. On the fake, and on a real API server."""

import time

import pytest

from apiserver import Controllers
from apiserver.outcomes import Crashes, End, Runs, ends, exports
from operator_process import OperatorProcess
from resources import COMMIT, resource
from tracedmodel_operator.errors import NotFound
from tracedmodel_operator.kinds import (
    CONFIG_MAP,
    DEPLOYMENT,
    DISRUPTION_BUDGET,
    JOB,
    SERVICE,
    TRACED_MODEL,
)
from tracedmodel_operator.names import ARTIFACT

pytestmark = pytest.mark.cluster

NAME = "minilm"
OTHER = "d" * 40
_SECONDS = 60


class Life:
    """One resource, an operator for its namespace, and controllers that act whenever the test waits."""

    def __init__(self, api) -> None:
        self.api = api
        self.controllers = Controllers(api.transport, namespace=api.namespace)

    def apply(self, spec=None) -> None:
        made = resource(spec, name=NAME, namespace=self.api.namespace)
        document = made.model_dump(mode="json", by_alias=True, exclude_none=True)
        document.pop("status")
        metadata = {"name": NAME, "namespace": self.api.namespace}
        self.api.apply(TRACED_MODEL, {**document, "metadata": metadata}, "user", force="true")

    def condition(self, kind="Ready"):
        model = self.api.get(TRACED_MODEL, NAME)
        status = model.get("status", {})
        found = next((c for c in status.get("conditions", ()) if c["type"] == kind), None)
        current = status.get("observedGeneration") == model["metadata"]["generation"]
        return (found["status"], found["reason"]) if found and current else None

    def until(self, true) -> None:
        deadline = time.monotonic() + _SECONDS
        while not true():
            assert time.monotonic() < deadline, self.api.get(TRACED_MODEL, NAME)
            self.api.run(self.controllers.turn())

    def becomes(self, reason, kind="Ready") -> None:
        self.until(lambda: (self.condition(kind) or ("", ""))[1] == reason)

    def served(self) -> str:
        template = self.api.get(DEPLOYMENT, NAME)["spec"]["template"]
        return template["metadata"]["annotations"][ARTIFACT]


@pytest.fixture
def life(stage, kubeconfig, tmp_path):
    if not stage.alone:
        pytest.skip("the cluster has controllers of its own")
    place = stage.api.namespace
    operator = OperatorProcess(
        kubeconfig,
        tmp_path / "operator.log",
        namespace=place,
        namespaces=f'["{place}"]',
        default_store_url="s3://models",
    )
    yield Life(stage.api)
    operator.terminate()
    assert operator.exit_code() == 0, operator.said()


def test_a_resource_becomes_ready_by_its_children(life):
    life.apply({"serving": {"replicas": 2}})
    life.becomes("Succeeded")
    for kind in (JOB, CONFIG_MAP, SERVICE, DISRUPTION_BUDGET):
        assert any(name.startswith(NAME) for name in life.api.names(kind)), kind
    assert life.api.get(DEPLOYMENT, NAME)["spec"]["replicas"] == 2
    assert life.api.get(TRACED_MODEL, NAME)["status"]["readyReplicas"] == 2


def test_another_model_is_exported_and_the_first_is_returned_to_without_a_job(life):
    life.apply()
    life.becomes("Succeeded")
    first = life.served()
    life.apply({"model": {"revision": OTHER}})
    life.becomes("Succeeded")
    assert life.served() != first
    life.apply({"model": {"revision": COMMIT}})
    life.becomes("Succeeded")
    assert life.served() == first
    assert len(life.api.names(JOB)) == 2


def test_what_is_edited_or_deleted_by_hand_is_set_right(life):
    life.apply()
    life.becomes("Succeeded")
    life.api.done("DELETE", life.api.path(SERVICE, NAME))
    deployment = life.api.get(DEPLOYMENT, NAME)
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    right = container["image"]
    container["image"] = "nowhere/other:1"
    life.api.merge(DEPLOYMENT, NAME, {"spec": deployment["spec"]})

    def is_right() -> bool:
        (found,) = life.api.get(DEPLOYMENT, NAME)["spec"]["template"]["spec"]["containers"]
        return found["image"] == right and NAME in life.api.names(SERVICE)

    life.until(is_right)
    life.becomes("Succeeded")


def test_a_variable_that_is_rendered_no_more_is_taken_from_the_deployment(life):
    life.apply({"serviceAccountName": "reader"})
    life.becomes("Succeeded")
    model = life.api.get(TRACED_MODEL, NAME)
    del model["spec"]["serviceAccountName"]
    life.api.done("PUT", life.api.path(TRACED_MODEL, NAME), model)

    def is_gone() -> bool:
        pod = life.api.get(DEPLOYMENT, NAME)["spec"]["template"]["spec"]
        return "serviceAccountName" not in pod

    life.until(is_gone)


def test_a_failed_export_is_told_and_another_request_tries_again(life):
    life.controllers.jobs = lambda _: ends(End.failed("ToleranceMissed", "off by 0.1"))
    life.apply()
    life.becomes("ToleranceMissed", "Stalled")
    life.controllers.jobs = exports
    patch = {"metadata": {"annotations": {"tracedmodel.dev/requested-at": "again"}}}
    life.api.merge(TRACED_MODEL, NAME, patch)
    life.becomes("Succeeded")


def test_an_artifact_that_cannot_be_proved_is_given_up_for_the_last_good_one(life):
    life.apply()
    life.becomes("Succeeded")
    good = life.served()
    crash = Crashes(End.failed("ProofFailed", "off by 0.2"), 2)

    def servers(deployment):
        template = deployment["spec"]["template"]["metadata"]["annotations"]
        return Runs() if template[ARTIFACT] == good else crash

    life.controllers.servers = servers
    life.apply({"model": {"revision": OTHER}})
    life.becomes("RolledBack")
    life.until(lambda: life.served() == good)
    assert life.condition("Available") == ("True", "ReplicasAvailable")


def test_a_deleted_resource_is_left_alone(life):
    life.apply()
    life.becomes("Succeeded")
    life.api.done("DELETE", life.api.path(TRACED_MODEL, NAME))
    with pytest.raises(NotFound):
        life.api.get(TRACED_MODEL, NAME)
