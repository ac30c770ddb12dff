import asyncio

import pytest

from apiserver.faults import LOST_AFTER, THROTTLED
from apiserver.kubeconfig import use_kubeconfig
from apiserver.running import running
from cluster_objects import config_map
from tracedmodel_operator.errors import NotFound, Unavailable
from tracedmodel_operator.kinds import CONFIG_MAP
from tracedmodel_operator.kube import ClientTransport, Kube, Request

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
