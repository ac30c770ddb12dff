"""What goes wrong on the way to the API server and back, and when."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from apiserver.failures import Failure
from apiserver.request import target_of
from tracedmodel_operator.kube import Request

When = Callable[[Request], bool]


@dataclass(frozen=True)
class Answer:
    """The server answers this, and carries nothing out."""

    status: int
    reason: str = ""
    message: str = "injected"
    retry_after: int | None = None


@dataclass(frozen=True)
class Lost:
    """No answer; the request was carried out or not."""

    carried_out: bool


@dataclass(frozen=True)
class Slow:
    """The answer takes its time, in seconds."""

    seconds: float


@dataclass(frozen=True)
class Silent:
    """A watch that stays open and tells nothing, not even that it lives."""


@dataclass(frozen=True)
class Cut:
    """A watch that ends without a word after some events."""

    events: int = 0


@dataclass(frozen=True)
class Gone:
    """A watch that says after some events that it is too old."""

    events: int = 0


Fault = Answer | Lost | Slow | Silent | Cut | Gone

CONFLICT = Answer(409, "Conflict", "Operation cannot be fulfilled: the object has been modified")
THROTTLED = Answer(429, "TooManyRequests", "too many requests, please try again later", 1)
BROKEN = Answer(500, "InternalError", "Internal error occurred: etcdserver: request timed out")
FORBIDDEN = Answer(403, "Forbidden", "forbidden: injected")
EXPIRED = Answer(410, "Expired", "too old resource version")
LOST_BEFORE, LOST_AFTER = Lost(carried_out=False), Lost(carried_out=True)
FAULTS: dict[str, Fault] = {
    "conflict": CONFLICT,
    "throttled": THROTTLED,
    "broken": BROKEN,
    "forbidden": FORBIDDEN,
    "lost-before": LOST_BEFORE,
    "lost-after": LOST_AFTER,
    "slow": Slow(20.0),
}
"""What may befall any request."""


def any_request(_: Request) -> bool:
    """Fit every request."""
    return True


def writes(request: Request) -> bool:
    """Fit what changes something."""
    return request.method != "GET"


def watches(request: Request) -> bool:
    """Fit watches."""
    return request.query.get("watch") in ("true", "1")


def to(plural: str, *methods: str) -> When:
    """Return a test for requests to a kind, or to its subresource as in ``jobs/status``."""
    plural, _, subresource = plural.partition("/")

    def fits(request: Request) -> bool:
        try:
            target = target_of(request)
        except Failure:
            return False
        named = (target.resource.kind.plural, target.subresource) == (plural, subresource)
        return named and (not methods or request.method in methods)

    return fits


@dataclass
class _Rule:
    fault: Fault
    when: When
    strikes: Callable[[int], bool]
    seen: int = 0


@dataclass
class Faults:
    """Rules that are tried in order; each counts the requests that fit it, from 1. The first that strikes counts."""

    seed: int = 0
    struck: list[tuple[Request, Fault]] = field(default_factory=list)
    _rules: list[_Rule] = field(default_factory=list)

    def at(self, fault: Fault, *positions: int, when: When = any_request) -> None:
        """Strike at certain ones of the fitting requests; the first is 1."""
        chosen = frozenset(positions)
        self._rules.append(_Rule(fault, when, chosen.__contains__))

    def next(self, fault: Fault, times: int = 1, when: When = any_request) -> None:
        """Strike at the next fitting requests."""
        self._rules.append(_Rule(fault, when, lambda position: position <= times))

    def always(self, fault: Fault, when: When = any_request) -> None:
        """Strike at every fitting request until all faults are cleared."""
        self._rules.append(_Rule(fault, when, lambda _: True))

    def sometimes(self, fault: Fault, chance: float, when: When = any_request) -> None:
        """Strike by chance, from 0 to 1, the same way for the same seed."""
        dice = random.Random(f"{self.seed} {len(self._rules)}")
        self._rules.append(_Rule(fault, when, lambda _: dice.random() < chance))

    def clear(self) -> None:
        """Let nothing be wrong any more."""
        self._rules.clear()

    def strike(self, request: Request) -> Fault | None:
        """Return what befalls a request, and note it."""
        found: Fault | None = None
        for rule in self._rules:
            if rule.when(request):
                rule.seen += 1
                if rule.strikes(rule.seen) and found is None:
                    found = rule.fault
        if found is not None:
            self.struck.append((request, found))
        return found


def mixture(faults: Iterable[Fault], chance: float, seed: int, when: When = any_request) -> Faults:
    """Return faults that all strike now and then."""
    mixed = Faults(seed)
    for fault in faults:
        mixed.sometimes(fault, chance, when)
    return mixed
