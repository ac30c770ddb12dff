"""The rendered children. ``python -m pytest tests/operator --update-golden`` writes the files in golden/ anew."""

import copy
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

import keda_schema
import pod_security
from rendered import (
    ADMINISTERED,
    CASES,
    CLAIMS,
    CREDENTIALS,
    children,
    container,
    deployment,
    job,
    pod,
)
from resources import resource
from tracedmodel_operator.render.budget import render_budget
from tracedmodel_operator.render.service import render_service

GOLDEN = Path(__file__).parent / "golden"
OLDEST = "1.31"


class Plain(yaml.SafeDumper):
    """YAML without anchors, which nobody likes to read."""

    def ignore_aliases(self, _data):
        return True


def case(name):
    _, spec, settings = CASES[name]
    return children(spec, settings)


@pytest.mark.parametrize("name", CASES)
def test_children_are_the_ones_a_reviewer_read(name, update_golden):
    file = GOLDEN / f"{name}.yaml"
    if update_golden:
        text = yaml.dump_all(case(name), Dumper=Plain, sort_keys=False, width=10**6)
        file.write_text(f"# {CASES[name][0]}\n{text}")
    assert list(yaml.safe_load_all(file.read_text())) == case(name)


def test_every_golden_file_belongs_to_a_case():
    assert {file.stem for file in GOLDEN.iterdir()} == set(CASES)


@pytest.mark.parametrize("version", [OLDEST, kubernetes_validate.latest_version()])
@pytest.mark.parametrize("name", CASES)
def test_children_fit_the_schemas_of_kubernetes(name, version):
    for child in case(name):
        builtin = keda_schema.as_autoscaler(child) if child["kind"] == "ScaledObject" else child
        kubernetes_validate.validate(builtin, version, strict=True)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case[2].keda])
def test_scaled_objects_fit_the_schema_of_keda(name):
    (child,) = [child for child in case(name) if child["kind"] == "ScaledObject"]
    assert keda_schema.problems(child) == []


@pytest.mark.parametrize("name", CASES)
def test_pods_meet_the_restricted_profile(name):
    pods = [pod(child) for child in case(name) if child["kind"] in ("Job", "Deployment")]
    assert [pod_security.violations(one) for one in pods] == [[], []]


BREAKERS = {
    "HostProcess": lambda p, _: p["securityContext"].update(windowsOptions={"hostProcess": True}),
    "Host Namespaces": lambda p, _: p.update(hostPID=True),
    "Privileged Containers": lambda _, c: c["securityContext"].update(privileged=True),
    "Capabilities": lambda _, c: c["securityContext"]["capabilities"].update(add=["IPC_LOCK"]),
    "Host Ports": lambda _, c: c["ports"][0].update(hostPort=80),
    "Host Probes": lambda _, c: c["livenessProbe"]["httpGet"].update(host="127.0.0.1"),
    "AppArmor": lambda p, _: p["securityContext"].update(appArmorProfile={"type": "Unconfined"}),
    "SELinux": lambda _, c: c["securityContext"].update(seLinuxOptions={"user": "root"}),
    "/proc Mount Type": lambda _, c: c["securityContext"].update(procMount="Unmasked"),
    "Sysctls": lambda p, _: p["securityContext"].update(sysctls=[{"name": "kernel.msgmax"}]),
    "Volume Types": lambda p, _: p["volumes"].append({"name": "x", "hostPath": {"path": "/dev"}}),
    "Privilege Escalation": lambda _, c: c["securityContext"].pop("allowPrivilegeEscalation"),
    "Running as Non-root": lambda _, c: c["securityContext"].update(runAsNonRoot=False),
    "Running as Non-root User": lambda p, _: p["securityContext"].update(runAsUser=0),
    "Seccomp": lambda p, _: p["securityContext"].pop("seccompProfile"),
}


@pytest.mark.parametrize("rule", pod_security.RULES)
def test_each_rule_of_the_restricted_profile_finds_a_pod_that_breaks_it(rule):
    broken = copy.deepcopy(pod(deployment()))
    BREAKERS[rule](broken, broken["containers"][0])
    assert pod_security.violations(broken) == [rule]


@pytest.mark.parametrize("render", [job, deployment])
def test_pods_get_no_api_token_and_no_variables_of_their_neighbours(render):
    spec = pod(render())
    assert (spec["automountServiceAccountToken"], spec["enableServiceLinks"]) == (False, False)


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_rendered_empty_that_an_api_server_would_drop(name):
    def empty(part, path=""):
        if isinstance(part, dict):
            return [found for key, value in part.items() for found in empty(value, f"{path}/{key}")]
        if isinstance(part, list) and part:
            return [found for item in part for found in empty(item, path)]
        return [path] if part in ([], None, "") else []

    assert [found for child in case(name) for found in empty(child)] == []


def test_every_child_is_owned_and_labelled():
    for child in children():
        (owner,) = child["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["uid"], owner["controller"]) == ("TracedModel", "u-1", True)
        assert child["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "tracedmodel-operator"
        assert child["metadata"]["labels"]["tracedmodel.dev/model"] == "minilm"


def test_the_longest_name_still_fits_every_child_and_the_pods_of_a_job():
    name, parallel = "m" * 36, {"export": {"parallelism": 2}}
    attempts = [job(parallel, attempt=9999, name=name), *children(name=name)]
    # Kubernetes adds a dash and a share's number, up to 31, to the name of an Indexed Job.
    assert max(len(child["metadata"]["name"]) for child in attempts) + len("-31") <= 63


def test_service_budget_and_deployment_choose_the_same_pods():
    chosen = deployment()["spec"]["selector"]["matchLabels"]
    labels = deployment()["spec"]["template"]["metadata"]["labels"]
    assert render_service(resource())["spec"]["selector"] == chosen
    assert render_budget(resource())["spec"]["selector"]["matchLabels"] == chosen
    assert chosen.items() <= labels.items()
    assert not chosen.items() <= job()["spec"]["template"]["metadata"]["labels"].items()


@pytest.mark.parametrize("name", CASES)
def test_every_mount_has_its_volume_and_every_volume_its_mount(name):
    for child in (case(name)[0], case(name)[-1]):
        mounts = {mount["name"] for mount in container(child)["volumeMounts"]}
        assert mounts == {volume["name"] for volume in pod(child)["volumes"]}


def test_a_server_cannot_write_to_the_store_and_an_exporter_can():
    def store(child):
        return next(m for m in container(child)["volumeMounts"] if m["name"] == "store")

    assert store(deployment(CLAIMS))["readOnly"] is True
    assert "readOnly" not in store(job(CLAIMS))


def test_secrets_become_variables_and_the_models_stays_out_of_servers():
    def secrets(child):
        return [source["secretRef"]["name"] for source in container(child)["envFrom"]]

    assert secrets(job(CREDENTIALS)) == ["hub", "s3"]
    assert secrets(deployment(CREDENTIALS)) == ["s3"]


def test_requests_and_limits_are_alike_and_spelt_as_an_api_server_keeps_them():
    resources = container(deployment(CLAIMS))["resources"]
    assert resources["requests"] == {"cpu": "1", "memory": "1Gi"}
    assert resources["limits"] == resources["requests"]
    administered = container(job({}, ADMINISTERED))["resources"]["limits"]
    assert administered == {"cpu": "4", "memory": "8Gi", "ephemeral-storage": "50Gi"}


def test_all_pods_pull_images_with_the_administrators_secrets():
    for child in (job({}, ADMINISTERED), deployment({}, ADMINISTERED)):
        assert pod(child)["imagePullSecrets"] == [{"name": "registry"}]
