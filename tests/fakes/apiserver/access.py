"""Who may do what: the rules of roles, and the sentence for whoever may not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from apiserver.failures import Failure, forbidden
from apiserver.request import Target

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch"}
Rule = Mapping[str, Any]


@dataclass
class Access:
    """What one user may do: rules as a Role has them, in some namespaces or, for None, everywhere.

    Without any grant everything is allowed.
    """

    user: str = "system:serviceaccount:tracedmodel-system:tracedmodel-operator"
    grants: list[tuple[frozenset[str] | None, list[Rule]]] = field(default_factory=list)
    taken: set[tuple[str, str, str]] = field(default_factory=set)
    """What requests took, allowed or not: group, resource and verb. What was merely asked about is not here."""
    refusals: int = 0

    def grant(self, rules: Iterable[Rule], namespaces: Iterable[str] | None = None) -> None:
        """Allow what rules say."""
        places = None if namespaces is None else frozenset(namespaces)
        self.grants.append((places, list(rules)))

    def check(self, target: Target, verb: str) -> None:
        """Raise the answer to what no rule allows."""
        if not self.try_to(target, verb):
            raise self._refusal(target, verb)

    def try_to(self, target: Target, verb: str) -> bool:
        """Return whether some rule allows something, and note that it was wanted."""
        self.taken.add((target.resource.kind.group, _resource(target), verb))
        allowed = self.allows(target, verb)
        self.refusals += not allowed
        return allowed

    def allows(self, target: Target, verb: str) -> bool:
        """Return whether some rule allows something."""
        return not self.grants or any(
            _covers(rule, target, verb)
            for places, rules in self.grants
            if places is None or target.namespace in places
            for rule in rules
        )

    def _refusal(self, target: Target, verb: str) -> Failure:
        kind = target.resource.kind
        where = (
            f'in the namespace "{target.namespace}"' if target.namespace else "at the cluster scope"
        )
        why = (
            f'User "{self.user}" cannot {verb} resource "{_resource(target)}" '
            f'in API group "{kind.group}" {where}'
        )
        return forbidden(target.resource, target.name, why)


def verb_of(method: str, target: Target, *, watch: bool) -> str:
    """Return what a request does, in the words of roles."""
    if method == "GET":
        return "watch" if watch else "get" if target.name else "list"
    if method == "DELETE":
        return "delete" if target.name else "deletecollection"
    return _VERBS[method]


def _resource(target: Target) -> str:
    plural = target.resource.kind.plural
    return f"{plural}/{target.subresource}" if target.subresource else plural


def _covers(rule: Rule, target: Target, verb: str) -> bool:
    names = rule.get("resourceNames") or ()
    return (
        _has(rule.get("verbs"), verb)
        and _has(rule.get("apiGroups"), target.resource.kind.group)
        and _has(rule.get("resources"), _resource(target))
        and (not names or target.name in names)
    )


def _has(listed: Iterable[str] | None, wanted: str) -> bool:
    return any(entry in ("*", wanted) for entry in listed or ())
