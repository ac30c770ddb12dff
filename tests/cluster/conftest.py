"""The same tests on the fake API server and, with ``--cluster``, on a real one."""

import os
from pathlib import Path

import pytest

from apiserver import FakeCluster
from apiserver.envtest import assets, control_plane
from apiserver.running import running
from apiserver.stages import FakeStage, RealStage, install_definition, opener
from apiserver.web import SYSTEM_TOKEN

NOWHERE = (
    "NO API SERVER: the cluster tests were SKIPPED. Set KUBEBUILDER_ASSETS to a folder with etcd and "
    "kube-apiserver, or KUBECONFIG to a cluster that may be played with."
)
_numbers = iter(range(1, 1_000_000))


def pytest_addoption(parser):
    parser.addoption(
        "--cluster", action="store_true", help="ask a real API server instead of the fake"
    )


def pytest_configure(config):
    config.addinivalue_line("markers", "cluster: says the same of a real API server")


def wants_cluster(config):
    # A run of more than this folder reads this file too late to have the option.
    return config.getoption("--cluster", default=False)


def has_cluster():
    return assets() is not None or bool(os.environ.get("KUBECONFIG"))


def pytest_terminal_summary(terminalreporter, config):
    if wants_cluster(config) and not has_cluster():
        terminalreporter.section("cluster", red=True, bold=True)
        terminalreporter.line(NOWHERE, red=True, bold=True)


@pytest.fixture(scope="session")
def real_server(tmp_path_factory):
    """A running API server with the committed definition: its kubeconfig file, and itself if it is ours."""
    if not has_cluster():
        pytest.skip(NOWHERE)
    binaries = assets()
    if binaries is None:
        yield Path(os.environ["KUBECONFIG"]), None
        return
    with control_plane(binaries, tmp_path_factory.mktemp("control-plane")) as plane:
        yield plane.kubeconfig, plane


@pytest.fixture
def fake_server(tmp_path):
    """The fake over HTTP, and a kubeconfig file of somebody who may do everything."""
    with running(FakeCluster(namespaces=("stage",))) as server:
        yield server, server.kubeconfig(tmp_path / "kubeconfig", SYSTEM_TOKEN)


@pytest.fixture
def kubeconfig(request):
    """The file of whoever may do everything on the server of the test."""
    if wants_cluster(request.config):
        return request.getfixturevalue("real_server")[0]
    return request.getfixturevalue("fake_server")[1]


@pytest.fixture
def stage(request, monkeypatch):
    """An API server, the fake or a real one, with a namespace for the test alone."""
    opened = []
    if wants_cluster(request.config):
        kubeconfig, plane = request.getfixturevalue("real_server")
        open_api = opener(monkeypatch, kubeconfig, opened)
        found = RealStage(plane, f"stage-{os.getpid()}-{next(_numbers)}", open_api)
        install_definition(found.api)
    else:
        server, kubeconfig = request.getfixturevalue("fake_server")
        found = FakeStage(server.cluster, opener(monkeypatch, kubeconfig, opened))
    yield found
    if wants_cluster(request.config):
        found.leave()
    for api in opened:
        api.close()


@pytest.fixture
def api(stage):
    """An administrator's view of the server."""
    return stage.api
