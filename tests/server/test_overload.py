"""Three times as many clients as there is room for: some are told to come later, and nobody is told anything wrong."""

import asyncio
import json
import time

import pytest

from serving import MODEL, serving, until

ROOM = 16
CLIENTS = 3 * (ROOM + 4)
REQUESTS = 6000
TEXTS = [f"the river number {number} of Norway" for number in range(20)]
MIB = 2**20


@pytest.fixture(scope="module")
def small(tiny, tmp_path_factory):
    """A server whose queue has room for sixteen texts."""
    folder = tmp_path_factory.mktemp("small")
    with serving(tiny("FeatureExtraction"), folder, max_queued_requests=ROOM) as served:
        yield served


async def ask(reader, writer, text):
    """Ask over an open connection; return status, Retry-After and document."""
    body = json.dumps({"instances": [text]}).encode()
    head = f"POST /v1/models/{MODEL}:predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    top = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    headers = dict(line.split(": ", 1) for line in top.split("\r\n")[1:] if line)
    document = json.loads(await reader.readexactly(int(headers["content-length"])))
    return int(top.split()[1]), headers.get("retry-after"), document


async def client(port, numbers, replies):
    """Ask without any pause as long as there are numbers; keep every text with what it got."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for number in numbers:
            text = TEXTS[number % len(TEXTS)]
            replies.append((text, await ask(reader, writer, text)))
    finally:
        writer.close()
        await writer.wait_closed()


async def flood(port):
    """Let all clients ask, and return every text with what it got."""
    numbers, replies = iter(range(REQUESTS)), []
    clients = (client(port, numbers, replies) for _ in range(CLIENTS))
    await asyncio.wait_for(asyncio.gather(*clients), 120)
    return replies


async def cut_off(port):
    """Let all clients ask, and go at one moment, whatever they wait for."""
    numbers, replies = iter(range(REQUESTS)), []
    clients = [asyncio.ensure_future(client(port, numbers, replies)) for _ in range(CLIENTS)]
    await asyncio.wait(clients, timeout=120, return_when=asyncio.FIRST_COMPLETED)
    for one in clients:
        one.cancel()
    await asyncio.gather(*clients, return_exceptions=True)
    return {status for _, (status, _, _) in replies}


def test_three_times_too_many_clients_are_answered_rightly_or_told_to_come_later(small):
    expected = {text: small.predict(text).json()["predictions"][0] for text in TEXTS}
    asyncio.run(flood(small.port))
    before = small.memory()
    replies = asyncio.run(flood(small.port))
    assert len(replies) == REQUESTS
    assert {status for _, (status, _, _) in replies} == {200, 429}
    for text, (status, later, document) in replies:
        if status == 200:
            assert document["predictions"][0] == pytest.approx(expected[text], abs=1e-5)
        else:
            assert int(later) >= 1
            assert "try again later" in document["error"]
    assert small.memory() - before < 16 * MIB
    assert small.metric("tracedmodel_queue_texts") == 0


def test_a_load_that_goes_is_forgotten_within_a_second(small):
    """What its clients left in the queue is answered or dropped, and whoever comes now has all of the server."""
    assert 429 in asyncio.run(cut_off(small.port))
    start = time.monotonic()
    until(lambda: small.predict("hello").status_code == 200, small, seconds=1)
    assert [small.predict(text).status_code for text in TEXTS[:10]] == [200] * 10
    assert time.monotonic() - start < 1
    assert small.metric("tracedmodel_ready") == 1
    assert small.client.get("/v2/health/live").status_code == 200
    until(lambda: small.metric("tracedmodel_connections") == 1, small)
    assert small.metric("tracedmodel_queue_texts") == 0
