"""What exporter and serving pods have in common: the restricted security profile, mounts, secrets, resources."""

from __future__ import annotations

from typing import Any

from tracedmodel_api.types import Resources, TracedModel
from tracedmodel_operator.settings import TargetSettings
from tracedmodel_operator.stores import MOUNT, StoreRef

Document = dict[str, Any]

SCRATCH = "/scratch"
REPORT_FILE = "/dev/termination-log"
_USER = 65532

CONTAINER_SECURITY: Document = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}
POD_SECURITY: Document = {
    "runAsNonRoot": True,
    "runAsUser": _USER,
    "runAsGroup": _USER,
    "fsGroup": _USER,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def environment(variables: dict[str, str]) -> list[Document]:
    """Return environment variables as a container lists them, in the order given."""
    return [{"name": name, "value": value} for name, value in variables.items()]


def secrets(*names: str | None) -> list[Document]:
    """Return the secrets whose keys become environment variables; the kubelet reads them, the operator never does."""
    return [{"secretRef": {"name": name}} for name in dict.fromkeys(names) if name]


def resources(wanted: Resources | None, default: dict[str, str]) -> Document:
    """Return requests and limits, alike."""
    chosen = dict(default)
    if wanted is not None:
        chosen |= {name: str(value) for name, value in wanted if value is not None}
    return {"requests": dict(chosen), "limits": dict(chosen)}


def scratch_volume() -> Document:
    """Return the one place that a pod may write to."""
    return {"name": "scratch", "emptyDir": {}}


def scratch_mount() -> Document:
    """Return the mount of the scratch volume."""
    return {"name": "scratch", "mountPath": SCRATCH}


def store_volume(store: StoreRef) -> list[Document]:
    """Return the volume of a store that is a claim."""
    if store.claim is None:
        return []
    return [{"name": "store", "persistentVolumeClaim": {"claimName": store.claim}}]


def store_mount(store: StoreRef, *, read_only: bool) -> list[Document]:
    """Return the mount of a store that is a claim."""
    if store.claim is None:
        return []
    return [{"name": "store", "mountPath": MOUNT} | ({"readOnly": True} if read_only else {})]


def pod_basics(resource: TracedModel) -> Document:
    """Return the fields that every pod has: no API token, the wanted service account, no root."""
    account = resource.spec.service_account_name
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": POD_SECURITY,
    } | ({"serviceAccountName": account} if account else {})


def tolerations(settings: TargetSettings) -> Document:
    """Return tolerations, if the target has any."""
    return {"tolerations": settings.tolerations} if settings.tolerations else {}
