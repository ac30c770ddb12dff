"""How much of clients' bodies a server holds: of one request, and of all of them together."""

from __future__ import annotations

from dataclasses import dataclass

from tracedmodel_server.errors import Overloaded

_RETRY_SECONDS = 1


class Room:
    """The bytes that the bodies of all requests may take together, each from its arrival until its answer is made.

    Single bodies have a limit, and texts that wait have one; but thousands of clients may send at once what is large
    and never becomes a text.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self.taken = 0

    def take(self, count: int) -> None:
        """Take room for bytes that came; raises Overloaded where there is none."""
        if self.taken + count > self._most_bytes:
            message = (
                f"all requests together have room for {self._most_bytes} bytes: try again later"
            )
            raise Overloaded(message, _RETRY_SECONDS)
        self.taken += count

    def give_back(self, count: int) -> None:
        """Let others have the room."""
        self.taken -= count


@dataclass(frozen=True)
class BodyLimits:
    """How large a body may be, how long it may take, and the room that it shares with all others."""

    most_bytes: int
    seconds: float
    room: Room
