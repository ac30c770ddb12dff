"""What comes in, by watch and by list: into the cache, and the resources that it concerns into the queue."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tracedmodel_operator.cache import Cache, Key
from tracedmodel_operator.errors import ApiError
from tracedmodel_operator.kinds import TRACED_MODEL, WATCHED, Kind
from tracedmodel_operator.kube import Kube
from tracedmodel_operator.names import MANAGED_BY, MANAGER
from tracedmodel_operator.pulse import Pulse

SELECTOR = f"{MANAGED_BY}={MANAGER}"
"""Label selector of everything that the operator makes."""
_DELETED = "DELETED"


class Intake:
    """The one way in. ``add`` is told each resource that something changed for."""

    def __init__(
        self,
        cache: Cache,
        pulse: Pulse,
        add: Callable[[Key], None],
        kinds: Sequence[Kind] = WATCHED,
    ) -> None:
        self.kinds = kinds
        self._cache = cache
        self._pulse = pulse
        self._add = add

    def hear(self, kind: Kind, event: str | None, item: Mapping[str, Any]) -> None:
        """Take an event of a watch; ``event`` is None for what a watch begins with."""
        self._pulse.heard(kind.name, item["metadata"]["namespace"])
        whole = {**item, "apiVersion": kind.api_version, "kind": kind.name}
        key = self._cache.remove(whole) if event == _DELETED else self._cache.put(whole)
        if key is not None:
            self._add(key)

    async def list_all(self, kube: Kube, namespaces: Sequence[str | None]) -> None:
        """Bring the cache to what the API server has, deletions that no watch told of included.

        One kind after the other, so that one page is in memory at a time. Raises the first
        :class:`~tracedmodel_operator.errors.ApiError` once every kind was tried.
        """
        failures = []
        for kind in self.kinds:
            try:
                await self._list(kube, kind, namespaces)
            except ApiError as error:  # noqa: PERF203  # one kind that fails must not keep the others away
                failures.append(error)
        if failures:
            raise failures[0]

    async def _list(self, kube: Kube, kind: Kind, namespaces: Sequence[str | None]) -> None:
        for namespace in namespaces:
            await self._take(kube, kind, namespace)
        self._pulse.listed(kind.name)

    async def _take(self, kube: Kube, kind: Kind, namespace: str | None) -> None:
        selector = "" if kind is TRACED_MODEL else SELECTOR
        seen: set[tuple[Key | None, str]] = set()
        version = 0
        async for page in kube.pages(kind, namespace, selector):
            version = version or page.version
            for item in page.items:
                seen.add((self._cache.home(item), item["metadata"].get("uid") or ""))
                self._find(kind, item)
        for key in self._cache.keep_only(kind, namespace, seen, version):
            self._add(key)

    def _find(self, kind: Kind, item: Mapping[str, Any]) -> None:
        """Take an object of a list. What is news is looked at even if the rest of the list does not come."""
        key = self._cache.put(item)
        if key is not None:
            self._pulse.found(kind.name, item["metadata"]["namespace"])
            self._add(key)
