"""One connection: uvicorn's own protocol, with limits for clients that stall, flood, or say nothing at all.

A connection without a request is idle, whether it had one before or not, and closes after the keep-alive time. From
the first byte of a request there is a limit for its headers, in time and in bytes; the body has one of its own (see
``exchange.py``). What is left of a body that was refused is read and thrown away as long: a client that still writes
would otherwise never see why.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar

import httptools
import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_MOST_HEAD_BYTES = 64 * 2**10
_FRAMING = (b"content-length", b"transfer-encoding")


@dataclass(frozen=True)
class ClientLimits:
    """What a client may take: seconds to send and to read, and connections of all clients together."""

    seconds: float
    connections: int
    refused: Callable[[int], None]
    """Who counts what was refused before it had a route."""


class Connection(HttpToolsProtocol):
    """A connection within limits."""

    limits: ClassVar[ClientLimits]

    _receiving = False
    """Whether a request has begun and not ended."""
    _in_head = False
    _head_bytes = 0
    _patience: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin, idle; where there are too many an idle one has to go."""
        super().connection_made(transport)
        self._wait_for_request()
        if len(self.connections) > self.limits.connections:
            others = (one for one in self.connections if one is not self)
            idle = (one for one in others if isinstance(one, Connection) and one.is_idle())
            next(idle, self).transport.close()

    def is_idle(self) -> bool:
        """Tell whether nobody waits for anything here."""
        return not self._receiving and not self._is_answering() and not self.transport.is_closing()

    def data_received(self, data: bytes) -> None:
        """Read on; what is not whole yet has until its time is over."""
        self._unset_keepalive_if_required()
        self._feed(data)
        if self.transport.is_closing():
            return
        if not self._receiving:
            _cancel(self._patience)
            self._patience = None
            if self.timeout_keep_alive_task is None and not self._is_answering():
                self._wait_for_request()
            return
        if self._patience is None:
            self._patience = self.loop.call_later(self.limits.seconds, self._lose_patience)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > _MOST_HEAD_BYTES:
                self._refuse(431, f"the headers are larger than {_MOST_HEAD_BYTES} bytes")

    def on_message_begin(self) -> None:
        """Note that a request begins."""
        super().on_message_begin()
        self._receiving = self._in_head = True
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        """Note that only the body is missing."""
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Note that a request is whole."""
        if self.parser.should_upgrade():
            return
        self._receiving = False
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timers."""
        _cancel(self._patience)
        _cancel(self._stalled)
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Give a client that does not read its answer some time."""
        super().pause_writing()
        if self._stalled is None:
            self._stalled = self.loop.call_later(self.limits.seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on: the client reads."""
        _cancel(self._stalled)
        self._stalled = None
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection; what its client has not read by now it never will."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        super().timeout_keep_alive_handler()

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            self._decline(data[offer.args[0] :])
        except httptools.HttpParserError:
            self._refuse(400, "this is no HTTP/1.1 request that can be understood")

    def _decline(self, rest: bytes) -> None:
        """Go on in HTTP/1.1 with a client that offers another protocol, as Java's does with every request.

        The parser ends where another protocol could begin, before the body: another one reads that.
        """
        self.parser = httptools.HttpRequestParser(_Body(self))
        self.cycle.keep_alive = False
        framing = [pair for pair in self.headers if pair[0] in _FRAMING]
        head = b"".join(b"%b: %b\r\n" % pair for pair in framing)
        self._feed(b"POST / HTTP/1.1\r\n" + head + b"\r\n" + rest)

    def _wait_for_request(self) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def _is_answering(self) -> bool:
        # uvicorn's types do not say that there is no cycle before the first request.
        return bool(self.pipeline) or not getattr(self.cycle, "response_complete", True)

    def _lose_patience(self) -> None:
        self._patience = None
        if self.transport.is_closing():
            return
        if self._is_answering():
            # Either an answer that others wait for is being made, or the body has its own limit: look again later.
            self._patience = self.loop.call_later(self.limits.seconds, self._lose_patience)
        elif self._in_head:
            self._refuse(408, f"the headers did not come within {self.limits.seconds:g} seconds")
        else:
            self.transport.close()

    def _refuse(self, status: int, sentence: str) -> None:
        """Answer, unless that would be read as part of another answer, and close."""
        self.limits.refused(status)
        if not self._is_answering():
            body = orjson.dumps({"error": sentence})
            head = (
                f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nconnection: close\r\n"
                f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
            )
            self.transport.write(head.encode() + body)
        self.transport.close()


class _Body:
    """Takes the body of a request whose headers are read already."""

    def __init__(self, connection: Connection) -> None:
        self.on_body = connection.on_body
        self.on_message_complete = connection.on_message_complete


def limited(limits: ClientLimits) -> type[Connection]:
    """Return the protocol with these limits."""
    return type("LimitedConnection", (Connection,), {"limits": limits})


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
