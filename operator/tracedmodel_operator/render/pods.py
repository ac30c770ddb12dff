"""What exporter and serving pods have in common: the restricted security profile, mounts, secrets, resources."""

from __future__ import annotations

from typing import Any

from tracedmodel_api.types import Resources, TracedModel
from tracedmodel_operator.quantities import canonical
from tracedmodel_operator.settings import Settings, Toleration
from tracedmodel_operator.stores import MOUNT, StoreRef

Document = dict[str, Any]

SCRATCH = "/scratch"
REPORT_FILE = "/dev/termination-log"
_USER = 65532
_ARCHITECTURE = {"kubernetes.io/arch": "amd64"}
"""Neuron's compiler is for x86-64 alone, and graphs for CPUs are measured on the architecture that serves them."""

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
    # Else the kubelet would go through every file of a shared store before each start.
    "fsGroupChangePolicy": "OnRootMismatch",
    "seccompProfile": {"type": "RuntimeDefault"},
}


def environment(variables: dict[str, str]) -> list[Document]:
    """Return environment variables as a container lists them, in the order given."""
    return [{"name": name, "value": value} for name, value in variables.items()]


def secrets(*names: str | None) -> Document:
    """Return the field that makes variables of secrets' keys; the kubelet reads them, the operator never does."""
    found = [{"secretRef": {"name": name}} for name in dict.fromkeys(names) if name]
    return {"envFrom": found} if found else {}


def quantities(wanted: Resources | None, default: dict[str, str]) -> dict[str, str]:
    """Return the wanted resources, the rest by default, spelt as an API server keeps them."""
    chosen = {name: quantity for name, quantity in wanted or () if quantity is not None}
    return {name: canonical(quantity) for name, quantity in {**default, **chosen}.items()}


def resources(chosen: dict[str, str]) -> Document:
    """Return requests and limits, alike."""
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


def pod_basics(resource: TracedModel, settings: Settings) -> Document:
    """Return the fields that every pod has: no API token, the wanted service account, no root."""
    account = resource.spec.service_account_name
    pulling = [{"name": name} for name in settings.image_pull_secrets]
    return {
        **({"serviceAccountName": account} if account else {}),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        **({"imagePullSecrets": pulling} if pulling else {}),
        "securityContext": POD_SECURITY,
    }


def nodes(selector: dict[str, str], tolerations: list[Toleration]) -> Document:
    """Return which nodes a pod may run on."""
    return {
        "nodeSelector": _ARCHITECTURE | selector,
        **({"tolerations": tolerations} if tolerations else {}),
    }
