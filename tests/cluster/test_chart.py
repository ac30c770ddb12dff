"""The chart by Helm itself on a real API server: taken whole, upgraded, gone again. The fake knows too few kinds."""

import itertools
import json
from http import HTTPStatus
from pathlib import Path

import pytest

from apiserver import Controllers
from apiserver.envtest import assets, control_plane
from apiserver.stages import opener
from chart_cases import CASES, FOLDER, NAMESPACE, RELEASE, helm, render, variables
from operator_process import OperatorProcess, eventually
from resources import resource
from tracedmodel_operator.kinds import (
    DEPLOYMENT,
    DISRUPTION_BUDGET,
    EVENT,
    SERVICE,
    TRACED_MODEL,
    Kind,
)
from tracedmodel_operator.settings import PREFIX

pytestmark = pytest.mark.cluster

VERSIONS = sorted((Path(__file__).parents[1] / "chart" / "versions").glob("*.tgz"))
NAMESPACES = Kind("Namespace", "", "v1", "namespaces")
POLICY = Kind("NetworkPolicy", "networking.k8s.io", "v1", "networkpolicies")
SHOWN = {kind.name: kind for kind in (DEPLOYMENT, SERVICE, DISRUPTION_BUDGET, POLICY)}
_NUMBERS = itertools.count(1)
CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/tracedmodels.tracedmodel.dev"
VALUES = {name: values for name, (_, values) in CASES.items() if "monitoring" not in values}
"""Monitors need definitions that the server of the tests does not have."""


@pytest.fixture(scope="module")
def plane(request, tmp_path_factory):
    """An API server of the chart's own, where nobody has applied the definition."""
    if not request.config.getoption("--cluster", default=False) or assets() is None:
        pytest.skip("NO API SERVER: Helm needs one; set KUBEBUILDER_ASSETS and say --cluster")
    with control_plane(assets(), tmp_path_factory.mktemp("control-plane")) as found:
        yield found


@pytest.fixture
def api(plane, monkeypatch):
    opened = []
    api = opener(monkeypatch, plane.kubeconfig, opened)("default")
    for name in ("search", "ranking", "leases"):
        api.ask("POST", NAMESPACES.path(None), {"metadata": {"name": name}})
    yield api
    api.close()


@pytest.fixture
def release(plane, api):
    """Helm's own commands, and a clean cluster after them."""
    with helm.Config(kubeconfig_path=str(plane.kubeconfig), namespace=NAMESPACE) as config:
        yield config
        config.uninstall(RELEASE, ignore_not_found=True)
    api.ask("DELETE", CRD)
    eventually(lambda: api.ask("GET", CRD).status == HTTPStatus.NOT_FOUND)


def keeps(live, rendered):
    """Tell whether an API server kept all of what was rendered; it may have filled in more."""
    if isinstance(rendered, dict):
        return all(key in live and keeps(live[key], value) for key, value in rendered.items())
    if isinstance(rendered, list):
        return len(live) == len(rendered) and all(map(keeps, live, rendered))
    return live == rendered


@pytest.mark.parametrize("name", VALUES)
def test_an_api_server_takes_all_objects_and_keeps_every_field(release, api, name):
    made = release.install(str(FOLDER), RELEASE, VALUES[name], create_namespace=True)
    assert made["status"] == "deployed"
    rendered = [item for item in render(VALUES[name]) if item["kind"] in SHOWN]
    assert len(rendered) >= 2
    for item in rendered:
        path = SHOWN[item["kind"]].path(NAMESPACE, item["metadata"]["name"])
        assert keeps(api.done("GET", path), item)


@pytest.mark.parametrize("archive", VERSIONS, ids=lambda path: path.stem)
def test_an_earlier_version_is_upgraded_and_its_tracedmodels_stay_even_without_a_release(
    release, api, archive
):
    release.install(str(archive), RELEASE, create_namespace=True)
    api.done("POST", TRACED_MODEL.path("search"), tracedmodel("search"))
    assert release.upgrade(str(FOLDER), RELEASE)["revision"] == 2
    release.uninstall(RELEASE)
    assert api.done("GET", DEPLOYMENT.path(NAMESPACE))["items"] == []
    assert api.done("GET", TRACED_MODEL.path("search", "minilm"))["spec"]["target"] == "CPU"
    assert "keep" in json.dumps(api.done("GET", CRD)["metadata"]["annotations"])


def account_kubeconfig(plane, api, folder):
    """Return a kubeconfig file of the operator's service account."""
    path = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{RELEASE}/token"
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    told = json.loads(plane.kubeconfig.read_text(encoding="utf-8"))
    told["users"][0]["user"] = {"token": api.done("POST", path, request)["status"]["token"]}
    file = folder / "kubeconfig"
    file.write_text(json.dumps(told), encoding="utf-8")
    return file


@pytest.fixture
def place(api):
    """A namespace of the test alone: nothing collects here what the last one left behind."""
    name = f"models-{next(_NUMBERS)}"
    api.done("POST", NAMESPACES.path(None), {"metadata": {"name": name}})
    return name


@pytest.fixture
def start_operator(plane, api, tmp_path):
    """Start an operator with the variables of the Deployment and the rights of its service account."""
    started = []

    def start():
        started.append(account_operator(plane, api, tmp_path))
        return started[-1]

    yield start
    for operator in started:
        operator.terminate()
        operator.exit_code()


def account_operator(plane, api, folder):
    told = variables([api.done("GET", DEPLOYMENT.path(NAMESPACE, RELEASE))])
    settings = {name.removeprefix(PREFIX).lower(): value for name, value in told.items()}
    for name in ("health_host", "health_port"):
        del settings[name]
    file = account_kubeconfig(plane, api, folder)
    return OperatorProcess(file, folder / "log", namespace=NAMESPACE, **settings)


@pytest.mark.parametrize("named", [False, True], ids=["everywhere", "in one namespace"])
def test_the_chart_s_operator_with_its_account_s_rights_makes_a_tracedmodel_ready(
    release, api, place, start_operator, named
):
    values = {"namespaces": [place] * named, "settings": {"defaultStoreUrl": "s3://models"}}
    release.install(str(FOLDER), RELEASE, values, create_namespace=True)
    controllers = Controllers(api.transport, namespace=place)

    def ready():
        api.run(controllers.turn())
        found = api.done("GET", TRACED_MODEL.path(place, "minilm")).get("status", {})
        return ("Ready", "True") in {(c["type"], c["status"]) for c in found.get("conditions", ())}

    operator = start_operator()
    api.done("POST", TRACED_MODEL.path(place), tracedmodel(place))
    eventually(ready)
    assert api.done("GET", EVENT.path(place))["items"]
    assert "forbidden" not in operator.said()


def tracedmodel(place):
    made = resource().model_dump(mode="json", by_alias=True, exclude_none=True)
    named = {"apiVersion": TRACED_MODEL.api_version, "kind": TRACED_MODEL.name}
    metadata = {"name": "minilm", "namespace": place}
    return {**named, "metadata": metadata, "spec": made["spec"]}


def test_two_releases_share_one_definition(release, plane):
    first = {"namespaces": ["search"]}
    second = {"namespaces": ["ranking"], "crds": {"install": False}, "rbac": {"userRoles": False}}
    release.install(str(FOLDER), RELEASE, first, create_namespace=True)
    with helm.Config(kubeconfig_path=str(plane.kubeconfig), namespace="ranking") as other:
        assert other.install(str(FOLDER), RELEASE, second)["status"] == "deployed"
        other.uninstall(RELEASE)
