"""Three times as many clients as there is room for: some are told to come later, and nobody is told anything wrong."""

import asyncio
import json

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


async def flood(port):
    """Let all clients ask without any pause; return every text with what it got."""
    numbers = iter(range(REQUESTS))
    replies = []

    async def client():
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number in numbers:
            text = TEXTS[number % len(TEXTS)]
            replies.append((text, await ask(reader, writer, text)))
        writer.close()
        await writer.wait_closed()

    await asyncio.wait_for(asyncio.gather(*(client() for _ in range(CLIENTS))), 120)
    return replies


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


def test_the_load_is_forgotten_within_a_second(small):
    asyncio.run(flood(small.port))
    until(lambda: small.predict("hello").status_code == 200, small, seconds=1)
    assert small.metric("tracedmodel_ready") == 1
    assert small.client.get("/v2/health/live").status_code == 200
