"""The exporter Job of one request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tracedmodel_api.report import TERMINAL_EXIT_CODES
from tracedmodel_api.request import REPORT_VARIABLE, REQUEST_VARIABLE, ExportRequest
from tracedmodel_api.types import TracedModel
from tracedmodel_operator import names
from tracedmodel_operator.render import durations, pods
from tracedmodel_operator.settings import Settings
from tracedmodel_operator.stores import StoreRef

_CONTAINER = "exporter"
_MODELS = "/models"


@dataclass(frozen=True)
class Launch:
    """One attempt at a request; ``identity`` is that of all that its outcome depends on."""

    request: ExportRequest
    store: StoreRef
    identity: str
    attempt: int


def render_job(resource: TracedModel, launch: Launch, settings: Settings) -> dict[str, Any]:
    """Return the Job. It never retries by itself: what failed is told apart by the operator, which backs off.

    It has no time to live: Kubernetes may remove it once the status says how it ended, and not before.
    """
    request = launch.request
    annotations = {
        names.FINGERPRINT: request.base_fingerprint,
        names.REQUEST: launch.identity,
        names.ATTEMPT: str(launch.attempt),
    }
    name = names.job_name(resource, request.base_fingerprint, launch.attempt)
    indexed = request.parallelism > 1
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": names.metadata(resource, name, names.EXPORT, annotations),
        "spec": {
            **_completion(request.parallelism, indexed=indexed),
            "activeDeadlineSeconds": durations.export_seconds(request),
            "podFailurePolicy": {"rules": _failure_rules(indexed=indexed)},
            # A pod that is being taken away still writes: its share begins anew when it has gone.
            "podReplacementPolicy": "Failed",
            "template": {
                "metadata": {"labels": names.labels(resource, names.EXPORT)},
                "spec": _pod(resource, launch, settings),
            },
        },
    }


def _completion(parallelism: int, *, indexed: bool) -> dict[str, Any]:
    """Return how many pods there are; of several each has its share, and one that failed ends no other."""
    pods_wanted = {"completions": parallelism, "parallelism": parallelism}
    if indexed:
        return {"completionMode": "Indexed", **pods_wanted, "backoffLimitPerIndex": 0}
    return {"completionMode": "NonIndexed", **pods_wanted, "backoffLimit": 0}


def _failure_rules(*, indexed: bool) -> list[dict[str, Any]]:
    """Return what follows from a pod's end: taken away by the cluster, it is made anew; failed for good, it is not."""
    return [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        {
            "action": "FailIndex" if indexed else "FailJob",
            "onExitCodes": {
                "containerName": _CONTAINER,
                "operator": "In",
                "values": sorted(TERMINAL_EXIT_CODES),
            },
        },
    ]


def _pod(resource: TracedModel, launch: Launch, settings: Settings) -> dict[str, Any]:
    target = settings.target(resource.spec.target)
    model = resource.spec.model
    claim = urlsplit(model.source).netloc if model.source.startswith("pvc://") else None
    return {
        **pods.pod_basics(resource, settings),
        **pods.nodes(target.export_node_selector, target.export_tolerations),
        "restartPolicy": "Never",
        "containers": [_container(resource, launch, settings, claim)],
        "volumes": [
            pods.scratch_volume(),
            *pods.store_volume(launch.store),
            *_model_volume(claim, launch.store),
        ],
    }


def _container(
    resource: TracedModel, launch: Launch, settings: Settings, claim: str | None
) -> dict[str, Any]:
    target = settings.target(resource.spec.target)
    wanted = pods.quantities(resource.spec.export.resources, target.export_resources)
    return {
        "name": _CONTAINER,
        "image": target.exporter_image,
        "command": ["tracedmodel", "export"],
        "env": pods.environment(_variables(launch, settings)),
        **pods.secrets(resource.spec.model.credentials_secret_name, launch.store.secret),
        "resources": pods.resources(wanted),
        "securityContext": pods.CONTAINER_SECURITY,
        "terminationMessagePath": pods.REPORT_FILE,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            pods.scratch_mount(),
            *pods.store_mount(launch.store, read_only=False),
            *_model_mount(claim, launch.store),
        ],
    }


def _model_mount(claim: str | None, store: StoreRef) -> list[dict[str, Any]]:
    if claim is None:
        return []
    name = "store" if claim == store.claim else "model"
    return [{"name": name, "mountPath": _MODELS, "readOnly": True}]


def _model_volume(claim: str | None, store: StoreRef) -> list[dict[str, Any]]:
    """Return the volume of a model that is on a claim; the store's own is there already.

    A pod has one mount of a claim, which would be read-only for the store as well.
    """
    if claim in (None, store.claim):
        return []
    source = {"claimName": claim, "readOnly": True}
    return [{"name": "model", "persistentVolumeClaim": source}]


def _variables(launch: Launch, settings: Settings) -> dict[str, str]:
    variables = {
        REQUEST_VARIABLE: launch.request.to_bytes().decode(),
        REPORT_VARIABLE: pods.REPORT_FILE,
        "TMPDIR": pods.SCRATCH,
    }
    return variables | ({"HF_HOME": settings.hub_cache} if settings.hub_cache else {})
