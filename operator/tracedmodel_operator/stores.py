"""Which store a resource uses: what its pods are told, what they mount, and what stands in the fingerprint."""

from __future__ import annotations

from dataclasses import dataclass

from tracedmodel_api.types import TracedModel
from tracedmodel_operator.settings import Settings

MOUNT = "/store"
NAMESPACE = "{namespace}"
"""What stands in the URL of a store for the namespace of each resource."""


@dataclass(frozen=True)
class StoreRef:
    """A store as pods see it; ``identity`` is the same for as long as the bytes are in the same place."""

    url: str
    identity: str
    claim: str | None = None
    secret: str | None = None


def store_of(resource: TracedModel, settings: Settings) -> StoreRef | str:
    """Return the store of a resource, or the sentence that says why it has none."""
    spec = resource.spec.store
    secret = spec.credentials_secret_name if spec else None
    if spec and spec.persistent_volume_claim_name:
        claim = spec.persistent_volume_claim_name
        return StoreRef(f"file://{MOUNT}", f"pvc://{claim}", claim)
    url = spec.url if spec else settings.default_store_url
    if url is None:
        return "no store: set spec.store, or have an administrator set the operator's default store"
    url = in_namespace(url, resource.metadata.namespace)
    if url.startswith("file://") and not settings.file_stores:
        return f"{url} is a folder of one node: use an object store or persistentVolumeClaimName"
    return StoreRef(url, url, None, secret)


def in_namespace(url: str, namespace: str) -> str:
    """Return the URL of a namespace's store."""
    return url.replace(NAMESPACE, namespace)
