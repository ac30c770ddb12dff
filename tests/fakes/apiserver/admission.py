"""Who may say no to a write that is valid: quotas, and hooks of tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from apiserver.failures import Failure, forbidden
from apiserver.request import Target
from apiserver.store import Database
from tracedmodel_operator.kinds import Kind

CREATE, UPDATE, DELETE = "CREATE", "UPDATE", "DELETE"
Hook = Callable[[str, Target, dict[str, Any]], None]
"""Is given an operation, what it is for and the object; raises :class:`Failure` to refuse it."""


@dataclass(frozen=True)
class Quota:
    """The most objects of a kind that a namespace may hold."""

    name: str
    kind: Kind
    namespace: str
    hard: int


@dataclass
class Admission:
    """Quotas and hooks; both may be changed at any time."""

    quotas: list[Quota] = field(default_factory=list)
    hooks: list[Hook] = field(default_factory=list)

    def review(
        self, operation: str, target: Target, document: dict[str, Any], database: Database
    ) -> None:
        """Raise the answer to a write that is refused."""
        for hook in self.hooks:
            hook(operation, target, document)
        if operation == CREATE:
            for quota in self.quotas:
                _check(quota, target, database)


def _check(quota: Quota, target: Target, database: Database) -> None:
    if (quota.kind, quota.namespace) != (target.resource.kind, target.namespace):
        return
    used = database.tables[quota.kind].count(quota.namespace)
    if used < quota.hard:
        return
    what = f"count/{target.resource.qualified}"
    why = (
        f"exceeded quota: {quota.name}, requested: {what}=1, "
        f"used: {what}={used}, limited: {what}={quota.hard}"
    )
    raise forbidden(target.resource, target.name, why)


def denied(webhook: str, why: str, code: int = 400) -> Failure:
    """Return the answer of an admission webhook that says no."""
    message = f'admission webhook "{webhook}" denied the request: {why}'
    return Failure(code, "Forbidden" if code == 403 else "BadRequest", message)
