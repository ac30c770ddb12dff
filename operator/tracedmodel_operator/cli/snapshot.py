"""One resource and all that belongs to it, as the API server has them at one moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from tracedmodel_api.manifests import InvalidManifest
from tracedmodel_api.status import Condition, Status
from tracedmodel_api.types import TracedModel
from tracedmodel_operator.cli.engine import UNSEEN, Sight
from tracedmodel_operator.kinds import AUTOSCALERS, CHILDREN, DEPLOYMENT, POD, TRACED_MODEL
from tracedmodel_operator.observe import Observation, observe
from tracedmodel_operator.ownership import Owner, belongs, owner_of
from tracedmodel_operator.reconcile import read, read_status

Object = Mapping[str, Any]
_SCALING = {kind.name for kind in AUTOSCALERS}


@dataclass(frozen=True)
class Snapshot:
    """What was read; ``unread`` are sentences on kinds that could not be."""

    item: Object
    objects: tuple[Object, ...]
    now: datetime
    unread: tuple[str, ...] = ()
    sight: Sight = UNSEEN

    @classmethod
    def of(
        cls,
        item: Object,
        objects: Iterable[Object],
        now: datetime,
        unread: tuple[str, ...] = (),
        sight: Sight = UNSEEN,
    ) -> Snapshot:
        """Keep of the objects what belongs to the resource."""
        whole = cls(item, (), now, unread, sight)
        return replace(whole, objects=tuple(o for o in objects if whole._belongs(o)))

    @property
    def name(self) -> str:
        """Return the resource's name."""
        return str(self.item["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """Return its namespace."""
        return str(self.item["metadata"].get("namespace") or "default")

    @cached_property
    def resource(self) -> TracedModel | None:
        """Return the resource, None if this version does not understand its spec."""
        try:
            return read(self.item)
        except InvalidManifest:
            return None

    @cached_property
    def status(self) -> Status:
        """Return what the operator says of it."""
        return read_status(self.item.get("status") or {})

    @cached_property
    def observation(self) -> Observation:
        """Return the children as the operator understands them."""
        return observe((o for o in self.objects if self._is_known(o)), self.now)

    def of_kind(self, kind: str) -> list[Object]:
        """Return the objects of a kind, the oldest first."""
        return sorted((o for o in self.objects if o["kind"] == kind), key=_by_time)

    def condition(self, kind: str) -> Condition | None:
        """Return a condition, None where it does not stand."""
        return next((c for c in self.status.conditions if c.type == kind), None)

    def is_seen(self) -> bool:
        """Tell whether the status speaks of the newest spec."""
        return is_seen(self.item)

    def _is_known(self, item: Object) -> bool:
        """Tell whether the operator knows an object: autoscalers that others made are their business."""
        return item["kind"] not in _SCALING or not self.resource or belongs(item, self.resource)

    def _belongs(self, item: Object) -> bool:
        if item["kind"] in _SCALING:
            target = item["spec"].get("scaleTargetRef") or {}
            scaled = (DEPLOYMENT.name, TRACED_MODEL.name)
            # KEDA's default is a Deployment.
            kind = target.get("kind", DEPLOYMENT.name)
            return target.get("name") == self.name and kind in scaled
        # A ReplicaSet is the Deployment's and a pod a Job's or a ReplicaSet's: their label says whose.
        owned = item["kind"] in {kind.name for kind in CHILDREN if kind is not POD}
        if not owned or self.resource is None:
            return True
        return owner_of(item, self.resource) in (Owner.THIS, Owner.NOBODY)


def is_seen(item: Object) -> bool:
    """Tell whether a resource's status speaks of its newest spec."""
    seen = (item.get("status") or {}).get("observedGeneration", -1)
    return bool(seen >= item["metadata"].get("generation", 0))


def _by_time(item: Object) -> tuple[str, str]:
    return item["metadata"].get("creationTimestamp") or "", item["metadata"]["name"]
