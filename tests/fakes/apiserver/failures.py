"""Answers that are no success, in the API server's own words."""

from __future__ import annotations

from typing import Any

from apiserver.registry import Resource
from tracedmodel_operator.kube import Response

MODIFIED = (
    "the object has been modified; please apply your changes to the latest version and try again"
)


class Failure(Exception):  # noqa: N818  # the API's own word for it
    """An answer of 400 or more; whoever notices what is wrong raises it."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        details: dict[str, Any] | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.details = details
        self.retry_after = retry_after

    def status(self) -> dict[str, Any]:
        """Return the body of the answer."""
        body = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": str(self),
            "reason": self.reason,
            "details": self.details,
            "code": self.code,
        }
        return {key: value for key, value in body.items() if value not in (None, "")}

    def response(self) -> Response:
        """Return the answer."""
        wait = None if self.retry_after is None else str(self.retry_after)
        return Response(self.code, self.status(), wait)


def _details(resource: Resource, name: str) -> dict[str, Any]:
    found = {"name": name, "group": resource.kind.group, "kind": resource.kind.plural}
    return {key: value for key, value in found.items() if value}


def bad_request(message: str) -> Failure:
    """Return the answer to what cannot be understood."""
    return Failure(400, "BadRequest", message)


def no_such_path() -> Failure:
    """Return the answer to a path that leads nowhere."""
    return Failure(404, "NotFound", "the server could not find the requested resource", {})


def not_allowed() -> Failure:
    """Return the answer to a method that a path does not know."""
    message = "the server does not allow this method on the requested resource"
    return Failure(405, "MethodNotAllowed", message, {})


def not_found(resource: Resource, name: str) -> Failure:
    """Return the answer where an object is not there."""
    message = f'{resource.qualified} "{name}" not found'
    return Failure(404, "NotFound", message, _details(resource, name))


def already_exists(resource: Resource, name: str) -> Failure:
    """Return the answer where a name is taken."""
    message = f'{resource.qualified} "{name}" already exists'
    return Failure(409, "AlreadyExists", message, _details(resource, name))


def conflict(resource: Resource, name: str, why: str = MODIFIED) -> Failure:
    """Return the answer where the object is not the one that was meant."""
    message = f'Operation cannot be fulfilled on {resource.qualified} "{name}": {why}'
    return Failure(409, "Conflict", message, _details(resource, name))


def invalid(resource: Resource, name: str, *problems: tuple[str, str]) -> Failure:
    """Return the answer to what breaks rules: problems are a field and what is wrong with it each."""
    sentences = [f"{path}: {text}" for path, text in problems]
    together = sentences[0] if len(sentences) == 1 else f"[{', '.join(sentences)}]"
    message = f'{resource.qualified_kind} "{name}" is invalid: {together}'
    causes = [{"message": text, "field": path} for path, text in problems]
    kind = resource.kind
    details = {"name": name, "group": kind.group, "kind": kind.name, "causes": causes}
    return Failure(422, "Invalid", message, {k: v for k, v in details.items() if v})


def unversioned(resource: Resource, name: str) -> Failure:
    """Return the answer to a replacement that does not say of which version."""
    field, why = "metadata.resourceVersion", "Invalid value: 0: must be specified for an update"
    message = f'{resource.qualified} "{name}" is invalid: {field}: {why}'
    return Failure(422, "Invalid", message, _details(resource, name))


def forbidden(resource: Resource, name: str, why: str) -> Failure:
    """Return the answer of authorization, quota or admission."""
    subject = f'{resource.qualified} "{name}"' if name else resource.qualified
    message = f"{subject} is forbidden: {why}"
    return Failure(403, "Forbidden", message, _details(resource, name))


def expired(message: str) -> Failure:
    """Return the answer to what is asked of a state that is no longer kept."""
    return Failure(410, "Expired", message)
