"""What a Lease says, and what follows from having seen it. No clock and no network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tracedmodel_operator.kinds import LEASE
from tracedmodel_operator.moments import spell

JITTER = 1.2
"""A standby waits up to this share of its pause longer, so that several do not ask together."""


@dataclass(frozen=True)
class Terms:
    """How long a Lease is respected without a sign of its holder, how long a renewal is relied on, and the pause between."""

    lease_seconds: int = 15
    renew_seconds: float = 10
    retry_seconds: float = 2

    def __post_init__(self) -> None:
        if not self.lease_seconds > self.renew_seconds > self.retry_seconds * JITTER > 0:
            raise ValueError(
                f"{self.lease_seconds} s of a lease must outlast {self.renew_seconds} s for its renewal, "
                f"and those {JITTER} pauses of {self.retry_seconds} s"
            )


@dataclass(frozen=True)
class Sight:
    """A Lease as it was seen to be changed, and when, by the clock of who saw it: other clocks are not believed."""

    item: Mapping[str, Any]
    since: float

    @property
    def spec(self) -> Mapping[str, Any]:
        """What the Lease says."""
        return self.item.get("spec") or {}

    @property
    def version(self) -> str:
        """What differs after every write."""
        return str(self.item["metadata"].get("resourceVersion"))

    @property
    def holder(self) -> str:
        """Who holds the Lease, or nothing after it was given back."""
        return self.spec.get("holderIdentity") or ""

    def lasts(self, terms: Terms) -> float:
        """Return until when the holder is to be respected."""
        return self.since + (self.spec.get("leaseDurationSeconds") or terms.lease_seconds)


def absent(namespace: str, name: str) -> dict[str, Any]:
    """Return a Lease of nobody, to be created."""
    metadata = {"namespace": namespace, "name": name}
    return {"apiVersion": LEASE.api_version, "kind": LEASE.name, "metadata": metadata}


def claimed(
    item: Mapping[str, Any], identity: str, terms: Terms, moment: datetime
) -> dict[str, Any]:
    """Return the Lease as its holder writes it, to take it or to renew it."""
    old = item.get("spec") or {}
    now = spell(moment, "microseconds")
    spec = {
        **old,
        "holderIdentity": identity,
        "leaseDurationSeconds": terms.lease_seconds,
        "renewTime": now,
    }
    if old.get("holderIdentity") != identity:
        transitions = (old.get("leaseTransitions") or 0) + 1 if old else 0
        spec |= {"acquireTime": now, "leaseTransitions": transitions}
    return {**item, "spec": spec}


def given_back(item: Mapping[str, Any], moment: datetime) -> dict[str, Any]:
    """Return the Lease as its last holder leaves it: for anybody to take at once."""
    now = spell(moment, "microseconds")
    # One second, because the API server takes no zero.
    empty = {
        "holderIdentity": "",
        "leaseDurationSeconds": 1,
        "renewTime": now,
        "acquireTime": now,
    }
    return {**item, "spec": {**item["spec"], **empty}}
