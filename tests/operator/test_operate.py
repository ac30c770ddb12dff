"""The operator's parts wired together, in the process of the test."""

import asyncio
import inspect

import aiohttp
import pytest

from apiserver import FakeCluster, Faults
from apiserver.faults import BROKEN, Silent, to, watches
from apiserver.kubeconfig import use_kubeconfig
from apiserver.running import running
from manifest_base import manifest
from operator_process import LEASE_KEY
from resources import SETTINGS
from tracedmodel_operator import operate
from tracedmodel_operator.fitness import Unfit
from tracedmodel_operator.kinds import JOB, LEASE, TRACED_MODEL

PATIENCE_SECONDS = 20


@pytest.fixture
def lost(monkeypatch):
    """What would have ended the process."""
    sentences = []
    monkeypatch.setattr(operate, "_give_up", sentences.append)
    return sentences


@pytest.fixture
def server(monkeypatch, tmp_path, lost):
    with running(FakeCluster(namespaces=("search", LEASE_KEY[0])), Faults()) as found:
        use_kubeconfig(monkeypatch, found.kubeconfig(tmp_path / "kubeconfig"))
        yield found
    assert lost == []


@pytest.fixture
def signals(monkeypatch):
    """What SIGTERM would do."""
    taken = []
    monkeypatch.setattr(
        operate._Process, "_take_signals", lambda process: taken.append(process._stop.set)
    )
    return taken


@pytest.fixture
def settings(free_port):
    return SETTINGS.with_(
        namespace=LEASE_KEY[0], health_host="127.0.0.1", health_port=free_port, resync_seconds=0.1
    )


def create(server, name="minilm"):
    server.cluster.create(
        TRACED_MODEL, manifest({"metadata.name": name, "metadata.namespace": "search"})
    )


def holder(server):
    return server.cluster.get(LEASE, *LEASE_KEY)["spec"].get("holderIdentity")


async def until(true):
    """Wait until something is true, or an answer that comes later is."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            found = true()
            if await found if inspect.isawaitable(found) else found:
                return
            await asyncio.sleep(0.01)


async def page(settings, path):
    address = f"http://127.0.0.1:{settings.health_port}{path}"
    async with aiohttp.ClientSession() as session:
        try:
            async with session.get(address) as answer:
                return answer.status, (await answer.text()).strip()
        except aiohttp.ClientConnectionError:
            return 0, ""


async def operated(settings, scenario, signals):
    """Go through a scenario while an operator works, stop it, and return with what it ended, None if all was well."""
    operator = asyncio.create_task(operate.operate(settings))
    story = asyncio.create_task(scenario())
    await asyncio.wait([operator, story], return_when=asyncio.FIRST_COMPLETED)
    if story.done():
        signals[-1]()
        story.result()
    story.cancel()
    await asyncio.wait([operator, story])
    return operator.exception()


def lists(request):
    return to("tracedmodels", "GET")(request) and not watches(request)


async def forever():
    await asyncio.Event().wait()


def test_silent_watches_are_told_by_healthz_until_they_tell_something(
    server, signals, settings, monkeypatch
):
    monkeypatch.setattr(operate, "_UNTOLD_SECONDS", 0.3)
    server.faults.always(Silent(), when=watches)

    async def healthy():
        return await page(settings, "/healthz") == (200, "ok")

    async def deaf():
        return (await page(settings, "/healthz"))[1].startswith("watches do not tell what lists")

    async def scenario():
        await until(lambda: len(server.front.streams))
        assert await healthy()
        create(server)
        await until(deaf)
        server.faults.clear()
        server.end_watches()
        await until(healthy)

    assert asyncio.run(operated(settings, scenario, signals)) is None


def test_an_operator_that_a_list_wakes_does_what_no_watch_told(server, signals, settings):
    server.faults.always(Silent(), when=watches)

    async def scenario():
        create(server)
        await until(lambda: server.cluster.objects(JOB))

    assert asyncio.run(operated(settings, scenario, signals)) is None


def test_lists_that_fail_are_tried_again(server, signals, settings):
    server.faults.at(BROKEN, 3, 4, when=lists)
    server.faults.always(Silent(), when=watches)

    async def scenario():
        await until(lambda: server.faults.struck)
        create(server)
        await until(lambda: server.cluster.objects(JOB))

    assert asyncio.run(operated(settings, scenario, signals)) is None


def test_a_first_list_that_fails_is_the_end(server, signals, settings):
    server.faults.always(BROKEN, when=to("poddisruptionbudgets", "GET"))
    ended = asyncio.run(operated(settings, forever, signals))
    assert isinstance(ended, Unfit)
    assert str(ended).startswith("the first list failed: Internal error")
    assert holder(server) == ""


def test_a_long_first_pass_does_not_keep_the_watches_from_beginning(
    server, signals, settings, monkeypatch
):
    monkeypatch.setattr(operate, "_FIRST_PASS_SECONDS", 0.05)
    create(server)
    server.faults.always(BROKEN, when=to("jobs", "POST"))

    async def scenario():
        await until(lambda: len(server.front.streams))

    assert asyncio.run(operated(settings, scenario, signals)) is None


@pytest.mark.parametrize(("content", "expected"), [("search\n", "search"), (None, "default")])
def test_its_own_namespace_is_that_of_its_service_account(tmp_path, monkeypatch, content, expected):
    file = tmp_path / "namespace"
    if content:
        file.write_text(content)
    monkeypatch.setattr(operate, "_NAMESPACE_FILE", file)
    assert operate._own_namespace() == expected
