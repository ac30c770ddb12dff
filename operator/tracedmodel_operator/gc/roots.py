"""What names graphs: indexes in ConfigMaps and files, and the statuses of TracedModels. Read from objects as they come."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tracedmodel_api.manifest import FORMAT_VERSION, Index
from tracedmodel_api.report import Failure
from tracedmodel_api.types import KIND
from tracedmodel_operator.names import ARTIFACT
from tracedmodel_operator.render.index import INDEX_KEY

Object = Mapping[str, Any]
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Roots:
    """Digests of manifests and of other blobs that something names, and by whom."""

    graphs: Mapping[str, frozenset[str]] = field(default_factory=dict)
    files: Mapping[str, frozenset[str]] = field(default_factory=dict)
    holders: int = 0
    """TracedModels, ConfigMaps and files that were read, those that name nothing as well."""
    namespaces: frozenset[str] = frozenset()
    """Where these TracedModels and ConfigMaps stand."""

    def by_holder(self) -> dict[str, set[str]]:
        """Return the manifests that each holder names."""
        found: dict[str, set[str]] = {}
        for digest, holders in self.graphs.items():
            for holder in holders:
                found.setdefault(holder, set()).add(digest)
        return found


def merge(parts: Iterable[Roots]) -> Roots:
    """Return what several places name."""
    graphs: dict[str, frozenset[str]] = {}
    files: dict[str, frozenset[str]] = {}
    holders = 0
    namespaces: frozenset[str] = frozenset()
    for part in parts:
        holders += part.holders
        namespaces |= part.namespaces
        for found, more in ((graphs, part.graphs), (files, part.files)):
            for digest, who in more.items():
                found[digest] = found.get(digest, frozenset()) | who
    return Roots(graphs, files, holders, namespaces)


def roots_of(items: Iterable[Object], cluster: str) -> Roots:
    """Return what the TracedModels and ConfigMaps of a cluster name; raises Failure for an index that cannot be read."""
    return merge(_named_by(item, cluster) for item in items)


def _named_by(item: Object, cluster: str) -> Roots:
    metadata = item["metadata"]
    holder = f"{cluster}/{metadata['namespace']}/{metadata['name']}"
    here = frozenset([metadata["namespace"]])
    if item["kind"] == KIND:
        return replace(_of_status(item, holder), namespaces=here)
    data = item.get("data") or {}
    if INDEX_KEY not in data and ARTIFACT not in (metadata.get("annotations") or {}):
        return Roots()
    return replace(of_index(data.get(INDEX_KEY, ""), holder), namespaces=here)


def _of_status(item: Object, holder: str) -> Roots:
    """Return what a status names: it stands before the index does."""
    artifact = (item.get("status") or {}).get("artifact") or {}
    digests = [bucket.get("digest") or "" for bucket in artifact.get("buckets") or ()]
    who = frozenset([holder])
    return Roots({digest: who for digest in digests if _DIGEST.fullmatch(digest)}, {}, 1)


def of_index(data: str | bytes, holder: str) -> Roots:
    """Return what an index names; raises Failure FormatUnsupported or ManifestInvalid."""
    try:
        document = json.loads(data)
        version = document["formatVersion"]
        index = Index.model_validate(document) if version == FORMAT_VERSION else None
    except (ValueError, KeyError, TypeError):
        message = f"{holder} is no index: repair or remove it; what it names is not known"
        raise Failure("ManifestInvalid", message) from None
    if index is None:
        message = f"{holder} has format {version!r}; this version reads {FORMAT_VERSION}"
        raise Failure("FormatUnsupported", message)
    who = frozenset([holder])
    return Roots(dict.fromkeys(index.graphs, who), dict.fromkeys(index.files.values(), who), 1)
