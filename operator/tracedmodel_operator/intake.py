"""What comes in, by watch and by list: into the cache, and the resources that it concerns into the queue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tracedmodel_operator.cache import Cache, Key
from tracedmodel_operator.kinds import TRACED_MODEL, WATCHED, Kind
from tracedmodel_operator.kube import Kube
from tracedmodel_operator.names import MANAGED_BY, MANAGER
from tracedmodel_operator.pulse import Pulse

SELECTOR = f"{MANAGED_BY}={MANAGER}"
"""Label selector of everything that the operator makes."""
_DELETED = "DELETED"


class Intake:
    """The one way in. ``add`` is told each resource that something changed for."""

    def __init__(self, cache: Cache, pulse: Pulse, add: Callable[[Key], None]) -> None:
        self._cache = cache
        self._pulse = pulse
        self._add = add

    def hear(self, kind: Kind, event: str | None, item: Mapping[str, Any]) -> None:
        """Take an event of a watch; ``event`` is None for what a watch begins with."""
        self._pulse.heard(kind.name)
        whole = {**item, "apiVersion": kind.api_version, "kind": kind.name}
        key = self._cache.remove(whole) if event == _DELETED else self._cache.put(whole)
        if key is not None:
            self._add(key)

    async def list_all(self, kube: Kube, namespaces: Sequence[str | None]) -> None:
        """Bring the cache to what the API server has, deletions that no watch told of included.

        Raises :class:`~tracedmodel_operator.errors.ApiError` once every kind was tried.
        """
        lists = (self._list(kube, kind, namespaces) for kind in WATCHED)
        for failure in await asyncio.gather(*lists, return_exceptions=True):
            if failure is not None:
                raise failure

    async def _list(self, kube: Kube, kind: Kind, namespaces: Sequence[str | None]) -> None:
        changed: set[Key] = set()
        for namespace in namespaces:
            changed |= await self._take(kube, kind, namespace)
        self._pulse.listed(kind.name)
        for key in changed:
            self._add(key)

    async def _take(self, kube: Kube, kind: Kind, namespace: str | None) -> set[Key]:
        selector = "" if kind is TRACED_MODEL else SELECTOR
        changed: set[Key] = set()
        seen: set[str] = set()
        version = 0
        async for page in kube.pages(kind, namespace, selector):
            version = version or page.version
            for item in page.items:
                seen.add(item["metadata"].get("uid") or "")
                key = self._cache.put(item)
                if key is not None:
                    changed.add(key)
        return changed | self._cache.keep_only(kind, namespace, seen, version)
