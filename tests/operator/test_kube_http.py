import asyncio
import os

import pytest
from kubernetes.aio.config import incluster_config

from apiserver.faults import LOST_AFTER, THROTTLED
from apiserver.kubeconfig import use_kubeconfig
from apiserver.running import running
from cluster_objects import config_map
from tracedmodel_operator.errors import NotFound, Unavailable
from tracedmodel_operator.kinds import CONFIG_MAP
from tracedmodel_operator.kube import ClientTransport, Kube, Request, find_access

SPACE = "search"


def small(**more):
    metadata = {"name": "a", "namespace": SPACE}
    return {"apiVersion": "v1", "kind": "ConfigMap", **config_map(**more), "metadata": metadata}


@pytest.fixture
def server(tmp_path, monkeypatch):
    """The fake over HTTP, as the kubeconfig of this process names it."""
    with running() as found:
        use_kubeconfig(monkeypatch, found.kubeconfig(tmp_path / "kubeconfig"))
        yield found


def over_http(work):
    """Run ``work`` with the cluster client itself between."""

    async def connected():
        transport = await ClientTransport.open()
        try:
            return await work(Kube(transport), transport)
        finally:
            await transport.close()

    return asyncio.run(connected())


def test_over_http_it_is_the_same(server):
    async def work(kube, _):
        await kube.apply(CONFIG_MAP, small(data={"x": "ü"}))
        await kube.merge(CONFIG_MAP, SPACE, "a", {"data": {"y": "1"}})
        operation = {"op": "remove", "path": "/data/x"}
        await kube.json_patch(CONFIG_MAP, SPACE, "a", [operation])
        (page,) = [page async for page in kube.pages(CONFIG_MAP, SPACE)]
        await kube.delete(CONFIG_MAP, SPACE, "a")
        return page.items

    (item,) = over_http(work)
    assert item["data"] == {"y": "1"}
    assert server.cluster.objects(CONFIG_MAP) == []


def test_an_answer_that_never_comes_leaves_open_whether_the_request_was_carried_out(server):
    server.faults.next(LOST_AFTER)

    async def work(kube, _):
        with pytest.raises(Unavailable, match="no answer from the API server"):
            await kube.create(CONFIG_MAP, small())

    over_http(work)
    assert len(server.cluster.objects(CONFIG_MAP)) == 1


def test_a_server_that_is_not_there_is_unavailable(tmp_path, monkeypatch):
    with running() as gone:
        use_kubeconfig(monkeypatch, gone.kubeconfig(tmp_path / "kubeconfig"))

    async def work(kube, _):
        with pytest.raises(Unavailable, match="no answer from the API server"):
            await kube.get(CONFIG_MAP, SPACE, "a")

    over_http(work)


def test_a_list_of_kubeconfig_files_is_read_as_kubectl_reads_it(server, tmp_path, monkeypatch):
    files = (tmp_path / "not-there", server.kubeconfig(tmp_path / "other"))
    use_kubeconfig(monkeypatch, os.pathsep.join(map(str, files)))

    async def work(kube, _):
        return await kube.all(CONFIG_MAP, SPACE)

    assert over_http(work) == []


def test_inside_a_cluster_the_service_account_is_taken_without_a_word(
    tmp_path, monkeypatch, recwarn
):
    use_kubeconfig(monkeypatch, tmp_path / "not-there")
    for name in ("token", "ca.crt"):
        (tmp_path / name).write_text("operator", encoding="utf-8")
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(tmp_path / "ca.crt"))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    access = asyncio.run(find_access())
    assert (access.server, access.token) == ("https://10.96.0.1:443", "operator")
    assert access.authority == str(tmp_path / "ca.crt")
    assert list(recwarn) == []


def test_the_seconds_to_wait_come_with_the_answer(server):
    server.faults.next(THROTTLED)

    async def work(_, transport):
        return await transport(Request("GET", CONFIG_MAP.path(SPACE, "a")))

    response = over_http(work)
    assert (response.status, response.retry_after) == (429, "1")


def test_an_answer_that_is_no_json_is_text(server):
    async def work(kube, _):
        with pytest.raises(NotFound, match="404 page not found"):
            await kube._answer(Request("GET", "/apis/nobody.dev/v1/things"))

    over_http(work)
    assert len(server.cluster.log) == 1
