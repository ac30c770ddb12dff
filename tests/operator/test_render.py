from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from resources import World, report, resource
from tracedmodel_api.buckets import Bucket
from tracedmodel_api.report import TERMINAL_EXIT_CODES

GOLDEN = Path(__file__).parent / "golden"
CASES = {
    "cpu": {},
    "indexed": {"export": {"parallelism": 2}},
    "inf1": {
        "model": {
            "source": "pvc://weights/minilm",
            "revision": None,
            "credentialsSecretName": "hub",
        },
        "target": "Inf1",
        "store": {"persistentVolumeClaimName": "artifacts"},
        "serviceAccountName": "reader",
        "serving": {
            "neuronCores": 4,
            "rollout": {"strategy": "InPlace"},
            "resources": {"cpu": 3, "memory": "5Gi"},
        },
    },
}


def children(spec: dict) -> list[dict]:
    world = World(resource(spec))
    world.turn()
    shares = [report(Bucket(1, 32)), report(Bucket(8, 128))]
    world.finish(*(shares if "parallelism" in spec.get("export", {}) else [report()]))
    world.settle()
    found = [dict(item) for (kind, _), item in world.objects.items() if kind != "Pod"]
    for item in found:
        item.pop("status", None)
        item["metadata"] = {
            k: v
            for k, v in item["metadata"].items()
            if k not in ("creationTimestamp", "generation")
        }
        if item["kind"] == "Deployment":
            item["spec"] = {k: v for k, v in item["spec"].items() if k != "replicas"}
    return found


@pytest.mark.parametrize("name", CASES)
def test_children_are_the_ones_a_reviewer_read(name):
    file = GOLDEN / f"{name}.yaml"
    assert children(CASES[name]) == list(yaml.safe_load_all(file.read_text()))


@pytest.mark.parametrize("name", CASES)
def test_children_fit_the_schemas_of_kubernetes(name):
    for child in children(CASES[name]):
        kubernetes_validate.validate(child, "1.31", strict=True)


@pytest.mark.parametrize("name", CASES)
def test_pods_meet_the_restricted_profile_and_get_no_api_token(name):
    pods = [
        c["spec"]["template"]["spec"]
        for c in children(CASES[name])
        if "template" in c["spec" if "spec" in c else "metadata"]
    ]
    assert len(pods) == 2
    for pod in pods:
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        (container,) = pod["containers"]
        security = container["securityContext"]
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert security["readOnlyRootFilesystem"] is True
        assert container["resources"]["requests"] == container["resources"]["limits"]


def test_a_job_ends_for_good_by_the_exit_codes_of_the_one_table():
    job = next(child for child in children({}) if child["kind"] == "Job")
    ignore, fail = job["spec"]["podFailurePolicy"]["rules"]
    assert ignore["action"] == "Ignore"
    assert (fail["action"], fail["onExitCodes"]["values"]) == (
        "FailJob",
        sorted(TERMINAL_EXIT_CODES),
    )
    indexed = next(child for child in children(CASES["indexed"]) if child["kind"] == "Job")
    assert indexed["spec"]["podFailurePolicy"]["rules"][1]["action"] == "FailIndex"


def test_the_longest_name_still_fits_every_child():
    world = World(resource(name="m" * 36))
    world.turn()
    world.finish(report())
    world.settle()
    assert all(len(name) <= 63 for _, name in world.objects)


def test_every_child_is_owned_and_labelled():
    for child in children({}):
        (owner,) = child["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["uid"], owner["controller"]) == ("TracedModel", "u-1", True)
        assert child["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "tracedmodel-operator"
        assert child["metadata"]["labels"]["tracedmodel.dev/model"] == "minilm"


def test_a_server_has_longer_to_stop_than_it_drains():
    deployment = next(child for child in children({}) if child["kind"] == "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    variables = {v["name"]: v["value"] for v in pod["containers"][0]["env"]}
    drain = int(variables["TRACEDMODEL_DRAIN_SECONDS"]) + int(
        variables["TRACEDMODEL_GRACE_SECONDS"]
    )
    assert pod["terminationGracePeriodSeconds"] > drain
