"""What can go wrong between the operator and an API server, by what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ApiError(Exception):
    """An answer that is not a success; ``str`` is the API server's sentence."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


class NotFound(ApiError):  # noqa: N818  # the API's own word
    """The object, or its kind, is not there."""


class AlreadyExists(ApiError):  # noqa: N818  # the API's own word
    """The name to be created is taken."""


class Conflict(ApiError):  # noqa: N818  # the API's own word
    """The object is not the one that was meant, or was changed meanwhile: look again."""


class Expired(ApiError):  # noqa: N818  # the API's own word
    """The list that is read page by page is too old to go on: begin again."""


class Refused(ApiError):  # noqa: N818  # the API's own word
    """Authorization, a quota, admission or validation says no: the same will be refused again."""


class Unavailable(ApiError):  # noqa: N818  # the API's own word
    """No answer, an overloaded or a broken API server: the same may succeed later.

    Whether the request was carried out is not known. ``retry_after`` in seconds, where the server said it.
    """

    def __init__(
        self, status: int, reason: str, message: str, retry_after: float | None = None
    ) -> None:
        super().__init__(status, reason, message)
        self.retry_after = retry_after


class NoAccess(Exception):  # noqa: N818  # says what it is
    """The kubeconfig is not there, is none, or its credentials cannot be had."""


_NOT_FOUND, _CONFLICT, _GONE, _INVALID, _TOO_MANY, _BROKEN = 404, 409, 410, 422, 429, 500


def api_error(status: int, body: object, retry_after: str | None = None) -> ApiError:
    """Return the error of an answer; ``body`` is a Kubernetes Status where the server sent one."""
    details = body if isinstance(body, dict) else {}
    reason = str(details.get("reason") or "")
    message = str(details.get("message") or body or f"HTTP {status}")
    if status == _NOT_FOUND:
        return NotFound(status, reason, message)
    if status == _CONFLICT:
        kind = AlreadyExists if reason == "AlreadyExists" else Conflict
        return kind(status, reason, message)
    if status == _INVALID and _is_another(details):
        return Conflict(status, reason, message)
    if status == _GONE:
        return Expired(status, reason, message)
    if status == _TOO_MANY or status >= _BROKEN:
        wait = float(retry_after) if retry_after and retry_after.isdigit() else None
        return Unavailable(status, reason, message, wait)
    return Refused(status, reason, message)


def _is_another(details: Mapping[str, Any]) -> bool:
    """Tell whether the object is not the one whose uid the request named."""
    causes = (details.get("details") or {}).get("causes") or ()
    return any(cause.get("field") == "metadata.uid" for cause in causes)
