"""Bodies as ASGI gives them: whole or in parts, in time or not, to their end or not."""

import asyncio
import gzip
import json
import zlib

import pytest

from tracedmodel_server.bodies import BodyLimits, Room
from tracedmodel_server.errors import Invalid, Overloaded, TooLarge, TooSlow, Unsupported
from tracedmodel_server.exchange import ClientGone, Exchange, json_reply

LIMITS = BodyLimits(1000, 60, Room(10_000))


def messages(*parts):
    found = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    found[-1]["more_body"] = False
    return found


def exchange(given, *headers, limits=LIMITS):
    """Return an exchange that receives messages, and then waits for ever."""
    waiting = list(given)

    async def receive():
        if waiting:
            return waiting.pop(0)
        return await asyncio.Event().wait()

    return Exchange({"headers": list(headers)}, receive, limits)


def read(given, *headers, limits=LIMITS):
    return asyncio.run(exchange(given, *headers, limits=limits).json())


def packed(name, data):
    compress = {b"gzip": gzip.compress, b"deflate": zlib.compress}
    return compress[name](data)


def test_a_body_in_parts_is_one():
    assert read(messages(b'{"a', b'": 1', b"}")) == {"a": 1}


@pytest.mark.parametrize("name", [b"gzip", b"deflate"])
def test_a_compressed_body_may_come_in_parts_too(name):
    data = packed(name, b'{"a": [1, 2, 3]}')
    parts = [data[place : place + 1] for place in range(len(data))]
    assert read(messages(*parts), (b"content-encoding", name)) == {"a": [1, 2, 3]}


@pytest.mark.parametrize("name", [b"gzip", b"deflate"])
def test_a_compressed_body_that_is_cut_is_told_so(name):
    data = packed(name, b'{"a": [1, 2, 3]}')[:-6]
    with pytest.raises(Invalid, match="to its end"):
        read(messages(data), (b"content-encoding", name))


@pytest.mark.parametrize(
    ("given", "headers"),
    [
        (messages(b""), [(b"content-length", b"1001")]),
        (messages(b" " * 600, b" " * 600), []),
        (messages(gzip.compress(b" " * 5000)), [(b"content-encoding", b"gzip")]),
    ],
    ids=["as told", "as counted", "as expanded"],
)
def test_a_body_above_the_limit_is_too_large(given, headers):
    with pytest.raises(TooLarge, match="larger than 1000 bytes"):
        read(given, *headers)


def test_a_length_that_is_no_number_is_counted():
    assert read(messages(b"[1]"), (b"content-length", b"many")) == [1]


def test_an_encoding_that_is_not_read_here_is_named():
    with pytest.raises(Unsupported, match="'zstd' is not read here"):
        read(messages(b"x"), (b"content-encoding", b"zstd"))


def test_a_body_that_never_ends_is_too_slow():
    with pytest.raises(TooSlow, match=r"did not come within 0\.01 seconds"):
        read(messages(b"[", b"")[:1], limits=BodyLimits(1000, 0.01, Room(1000)))


def test_a_client_that_goes_within_its_body_is_gone():
    with pytest.raises(ClientGone):
        read([*messages(b"[", b"")[:1], {"type": "http.disconnect"}])


def test_bodies_that_are_too_many_together_are_told_to_come_later_until_one_is_done():
    async def scenario():
        limits = BodyLimits(1000, 60, Room(1500))
        body = messages(b"[" + b" " * 798, b"]")
        with exchange(body, limits=limits).held() as first:
            assert await first.json() == []
            # Read long ago, it is still being answered.
            with exchange(body, limits=limits).held() as second:
                with pytest.raises(Overloaded, match="room for 1500 bytes") as caught:
                    await second.json()
                assert caught.value.retry_after == 1
            assert limits.room.taken == 800
        with exchange(body, limits=limits).held() as third:
            assert await third.json() == []
        assert limits.room.taken == 0

    asyncio.run(scenario())


def test_a_body_takes_the_room_that_it_has_unpacked():
    async def scenario():
        limits = BodyLimits(1000, 60, Room(1000))
        given = messages(gzip.compress(b"[" + b" " * 900 + b"]"))
        with exchange(given, (b"content-encoding", b"gzip"), limits=limits).held() as one:
            await one.json()
            assert limits.room.taken == 902

    asyncio.run(scenario())


def test_a_server_that_ends_within_a_body_is_no_slow_client():
    async def scenario():
        reading = asyncio.ensure_future(exchange([]).json())
        await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

    asyncio.run(scenario())


def test_work_is_done_while_the_client_stays():
    async def work():
        return 7

    assert asyncio.run(exchange([]).while_connected(work())) == 7


def test_work_ends_when_the_client_goes():
    ended = []

    async def work():
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    given = [{"type": "http.request"}, {"type": "http.disconnect"}]
    with pytest.raises(ClientGone):
        asyncio.run(exchange(given).while_connected(work()))
    assert ended == [True]


def test_work_that_the_server_ends_is_no_client_gone():
    async def scenario():
        work = asyncio.ensure_future(exchange([]).while_connected(asyncio.sleep(3600)))
        await asyncio.sleep(0)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    asyncio.run(scenario())


def test_a_reply_is_json_of_its_value():
    reply = json_reply({"a": 1.5}, 418)
    assert (reply.status, json.loads(reply.body), reply.content_type) == (
        418,
        {"a": 1.5},
        b"application/json",
    )
