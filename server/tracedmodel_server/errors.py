"""What a client is told, and what ends the server.

    RequestError          an answer with a status and a sentence
    ├─ Invalid            400  the request cannot be understood or does not fit the model
    ├─ NotFound           404  no such model, version or path
    ├─ TooSlow            408  the body did not come in time
    ├─ TooLarge           413  the body is above the limit
    ├─ Unsupported        415  an encoding that is not read here
    ├─ Overloaded         429  no permit; says when to come back
    ├─ ModelFault         500  the graph failed, or gave what is no number
    └─ NotReady           503  loading, ending, or stuck

An end of the whole server is a :class:`~tracedmodel_api.report.Failure`.
"""

# ruff: noqa: N818  # the names say what is wrong; that they are errors says the base

from __future__ import annotations


class RequestError(Exception):
    """An answer that is an error; ``str`` is the sentence for people."""

    status = 500


class Invalid(RequestError):
    """The request cannot be understood, or does not fit the model."""

    status = 400


class NotFound(RequestError):
    """There is no such model, version or path."""

    status = 404


class TooSlow(RequestError):
    """The body did not come in time."""

    status = 408


class TooLarge(RequestError):
    """The body is above the limit."""

    status = 413


class Unsupported(RequestError):
    """The body has an encoding that is not read here."""

    status = 415


class Overloaded(RequestError):
    """The queue has no room; ``retry_after`` is in seconds."""

    status = 429

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ModelFault(RequestError):
    """The graph failed, or its output has NaN or infinity."""


class NotReady(RequestError):
    """The model is not loaded yet, the server is ending, or a batch hangs."""

    status = 503
