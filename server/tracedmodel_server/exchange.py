"""One HTTP request and its reply, on bare ASGI: bodies bounded while they come in, clients missed when they go."""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from collections.abc import Awaitable, Callable, Coroutine, Iterator, MutableMapping
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson

from tracedmodel_server.bodies import BodyLimits
from tracedmodel_server.errors import Invalid, TooLarge, TooSlow, Unsupported

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
T = TypeVar("T")
Header = tuple[bytes, bytes]

JSON = b"application/json"
_WINDOW_BITS = {b"gzip": 16 + zlib.MAX_WBITS, b"deflate": zlib.MAX_WBITS}


class ClientGone(Exception):  # noqa: N818  # no error: nobody is there to be told
    """The client closed the connection."""


@dataclass(frozen=True)
class Reply:
    """A status, a body and what kind it is."""

    status: int
    body: bytes
    content_type: bytes = JSON
    headers: tuple[Header, ...] = ()


def json_reply(value: Any, status: int = 200) -> Reply:
    """Return a value as JSON; arrays of numpy are numbers."""
    return Reply(status, orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY))


class _Expander:
    """Expands a compressed body part by part, never further than asked."""

    def __init__(self, encoding: bytes) -> None:
        self._name = encoding.decode()
        self._machine = zlib.decompressobj(_WINDOW_BITS[encoding])

    def expand(self, part: bytes, most: int) -> bytes:
        try:
            return self._machine.decompress(part, most)
        except zlib.error:
            raise Invalid(f"the body is not {self._name}") from None

    def end(self) -> None:
        """Raise Invalid if the body is cut off: its checksum, the last of it, was not seen."""
        if not self._machine.eof:
            raise Invalid(f"the body is not {self._name} to its end")


class Exchange:
    """The body of a request, and whether its client is still there."""

    def __init__(self, scope: Message, receive: Receive, limits: BodyLimits) -> None:
        self._receive = receive
        self._limits = limits
        self._taken = 0
        self._headers: list[Header] = scope["headers"]

    @contextlib.contextmanager
    def held(self) -> Iterator[Exchange]:
        """Return the exchange for as long as its body is needed: what was made of it takes no less room."""
        try:
            yield self
        finally:
            self._limits.room.give_back(self._taken)

    def header(self, name: bytes) -> bytes:
        """Return the value of a header, or nothing."""
        return next((value for key, value in self._headers if key == name), b"")

    async def json(self) -> Any:
        """Return the body as JSON, whatever its Content-Type; raises Invalid, TooLarge, TooSlow, Unsupported or Overloaded."""
        body = await self._in_time(self._body())
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise Invalid(
                f"the body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
            ) from None

    async def while_connected(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what ``work`` returns; a client that goes cancels it and raises ClientGone."""
        task = asyncio.current_task()
        gone = False

        async def watch() -> None:
            nonlocal gone
            while (await self._receive())["type"] != "http.disconnect":
                pass
            gone = True
            if task is not None:
                task.cancel()

        watcher = asyncio.create_task(watch())
        try:
            return await work
        except asyncio.CancelledError:
            if gone:
                raise ClientGone from None
            raise
        finally:
            watcher.cancel()

    async def _in_time(self, reading: Coroutine[Any, Any, bytes]) -> bytes:
        task = asyncio.current_task()
        late = False

        def give_up() -> None:
            nonlocal late
            late = True
            if task is not None:
                task.cancel()

        timer = asyncio.get_running_loop().call_later(self._limits.seconds, give_up)
        try:
            return await reading
        except asyncio.CancelledError:
            if late:
                message = f"the body did not come within {self._limits.seconds:g} seconds"
                raise TooSlow(message) from None
            raise
        finally:
            timer.cancel()

    async def _body(self) -> bytes:
        most = self._limits.most_bytes
        declared = self.header(b"content-length")
        if declared.isdigit() and int(declared) > most:
            raise self._too_large()
        expander = self._expander()
        parts: list[bytes] = []
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            part = message.get("body", b"")
            more = message.get("more_body", False)
            if expander is not None:
                part = expander.expand(part, most - self._taken + 1)
            if self._taken + len(part) > most:
                raise self._too_large()
            self._limits.room.take(len(part))
            self._taken += len(part)
            parts.append(part)
        if expander is not None:
            expander.end()
        return b"".join(parts)

    def _expander(self) -> _Expander | None:
        encoding = self.header(b"content-encoding").strip().lower()
        if encoding in (b"", b"identity"):
            return None
        if encoding not in _WINDOW_BITS:
            given = encoding.decode("latin-1")[:40]
            raise Unsupported(
                f"Content-Encoding {given!r} is not read here; use gzip, deflate or none"
            )
        return _Expander(encoding)

    def _too_large(self) -> TooLarge:
        return TooLarge(f"the body is larger than {self._limits.most_bytes} bytes")
