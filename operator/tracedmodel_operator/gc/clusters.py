"""Reads what the TracedModels of clusters name, and which namespaces there are."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from tracedmodel_api.report import Failure
from tracedmodel_operator.errors import ApiError, Expired
from tracedmodel_operator.gc.roots import Roots, merge, roots_of
from tracedmodel_operator.intake import SELECTOR
from tracedmodel_operator.kinds import CONFIG_MAP, NAMESPACE, TRACED_MODEL, Kind
from tracedmodel_operator.kube import ClientTransport, Kube

_T = TypeVar("_T")
_TRIES = 3
"""A list that took too long begins again."""


@dataclass(frozen=True)
class Cluster:
    """How to reach a cluster; neither file nor context: as any client would, the service account included."""

    kubeconfig: Path | None = None
    context: str | None = None

    def __str__(self) -> str:
        return self.context or (str(self.kubeconfig) if self.kubeconfig else "cluster")


def read_clusters(
    clusters: Sequence[Cluster], namespaces: Sequence[str], say: Callable[[str], None]
) -> Roots:
    """Return what all clusters name, in these namespaces or in all; raises Failure ClusterUnreachable."""
    parts = []
    for cluster in clusters:
        ask = partial(read_cluster, name=str(cluster), namespaces=namespaces or [None])
        found = asyncio.run(_asked(cluster, ask))
        say(f"{cluster}: {found.holders} TracedModels and indexes name {len(found.graphs)} graphs")
        parts.append(found)
    return merge(parts)


def namespaces_of(clusters: Sequence[Cluster]) -> frozenset[str]:
    """Return the namespaces of all clusters; raises Failure ClusterUnreachable."""
    return frozenset().union(*(asyncio.run(_asked(one, list_namespaces)) for one in clusters))


async def _asked(cluster: Cluster, ask: Callable[[Kube], Awaitable[_T]]) -> _T:
    try:
        client = await ClientTransport.open(cluster.kubeconfig, cluster.context)
    except Exception as error:
        raise Failure("ClusterUnreachable", f"{cluster}: {error}") from error
    try:
        return await ask(Kube(client))
    except ApiError as error:
        raise Failure("ClusterUnreachable", f"{cluster}: {error}") from error
    finally:
        await client.close()


async def list_namespaces(kube: Kube) -> list[str]:
    """Return the namespaces of a cluster; raises ApiError."""
    return [item["metadata"]["name"] for item in await _listed(kube, NAMESPACE, None, "")]


async def read_cluster(kube: Kube, name: str, namespaces: Sequence[str | None]) -> Roots:
    """Return what a cluster names; raises ApiError."""
    items: list[dict[str, Any]] = []
    for namespace in namespaces:
        items += await _listed(kube, TRACED_MODEL, namespace, "")
        items += await _listed(kube, CONFIG_MAP, namespace, SELECTOR)
    return roots_of(items, name)


async def _listed(
    kube: Kube, kind: Kind, namespace: str | None, selector: str
) -> list[dict[str, Any]]:
    for _ in range(_TRIES - 1):
        with suppress(Expired):
            return await kube.all(kind, namespace, selector)
    return await kube.all(kind, namespace, selector)
