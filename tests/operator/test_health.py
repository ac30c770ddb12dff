import asyncio

import aiohttp
import pytest

from tracedmodel_operator.health import Health, Readiness


async def asked(*paths, method="GET", **answers):
    """Return status, type and text of each path of a server that judges as told."""
    given = {"alive": lambda: None, "ready": lambda: None, "render": lambda: b"", **answers}
    health = Health("127.0.0.1", 0, **given)
    await health.start()
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{health.port}") as session:
            return [await page(session, method, path) for path in paths]
    finally:
        await health.stop()


async def page(session, method, path):
    async with session.request(method, path) as answer:
        return answer.status, answer.headers["Content-Type"], await answer.text()


def get(path, **options):
    ((status, _, text),) = asyncio.run(asked(path, **options))
    return status, text


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_an_operator_that_is_well_says_so(path):
    assert get(path) == (200, "ok\n")


@pytest.mark.parametrize(("path", "judge"), [("/healthz", "alive"), ("/readyz", "ready")])
def test_what_is_wrong_is_told_in_a_sentence(path, judge):
    assert get(path, **{judge: lambda: "the watch is dead"}) == (503, "the watch is dead\n")


def test_each_page_has_its_own_judgement():
    statuses = asyncio.run(asked("/healthz", "/readyz", ready=lambda: "not yet"))
    assert [status for status, _, _ in statuses] == [200, 503]


def test_prometheus_gets_the_metrics_in_its_format():
    (answer,) = asyncio.run(asked("/metrics", render=lambda: b"up 1\n"))
    assert answer == (200, "text/plain; version=0.0.4; charset=utf-8", "up 1\n")


def test_other_paths_are_not_there():
    assert get("/")[0] == 404


def test_other_methods_are_not_allowed():
    assert get("/healthz", method="POST")[0] == 405


def test_a_taken_port_is_an_error_at_the_start(free_port):
    async def twice():
        judges = {"alive": lambda: None, "ready": lambda: None, "render": lambda: b""}
        first, second = (Health("127.0.0.1", free_port, **judges) for _ in range(2))
        await first.start()
        try:
            with pytest.raises(OSError, match="in use"):
                await second.start()
        finally:
            await second.stop()
            await first.stop()

    asyncio.run(twice())


def test_a_server_that_stopped_gives_its_port_back(free_port):
    async def in_turn():
        judges = {"alive": lambda: None, "ready": lambda: None, "render": lambda: b""}
        for _ in range(2):
            health = Health("127.0.0.1", free_port, **judges)
            await health.start()
            await health.stop()

    asyncio.run(in_turn())


def test_an_operator_is_ready_once_the_api_server_answered():
    ready = Readiness()
    assert ready() == "the API server did not answer yet"
    ready.connected()
    assert ready() is None
