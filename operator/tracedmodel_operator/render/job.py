"""The exporter Job of one request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tracedmodel_api.report import TERMINAL_EXIT_CODES
from tracedmodel_api.request import REPORT_VARIABLE, REQUEST_VARIABLE, ExportRequest
from tracedmodel_api.types import TracedModel
from tracedmodel_operator import names
from tracedmodel_operator.render import pods
from tracedmodel_operator.settings import Settings
from tracedmodel_operator.stores import StoreRef

_CONTAINER = "exporter"
_START_SECONDS = 1800
"""Time to pull the image and the model, before the first bucket."""
_BUCKET_SECONDS = 600
"""Time of one bucket beside its compilation."""
_MODELS = "/models"


@dataclass(frozen=True)
class Launch:
    """One attempt at a request; ``identity`` is that of all that its outcome depends on."""

    request: ExportRequest
    store: StoreRef
    identity: str
    attempt: int


def render_job(resource: TracedModel, launch: Launch, settings: Settings) -> dict[str, Any]:
    """Return the Job. It never retries by itself: what failed is told apart by the operator, which backs off."""
    request = launch.request
    annotations = {
        names.FINGERPRINT: request.base_fingerprint,
        names.REQUEST: launch.identity,
        names.ATTEMPT: str(launch.attempt),
    }
    name = names.job_name(resource, request.base_fingerprint, launch.attempt)
    template = {
        "metadata": {"labels": names.labels(resource, names.EXPORT)},
        "spec": _pod(resource, launch, settings),
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": names.metadata(resource, name, names.EXPORT, annotations),
        "spec": {
            **_completion(request.parallelism),
            "activeDeadlineSeconds": _deadline(request),
            "podFailurePolicy": {"rules": _failure_rules(indexed=request.parallelism > 1)},
            "template": template,
        },
    }


def _completion(parallelism: int) -> dict[str, Any]:
    if parallelism == 1:
        return {"backoffLimit": 0, "completions": 1, "parallelism": 1}
    return {
        "completionMode": "Indexed",
        "completions": parallelism,
        "parallelism": parallelism,
        "backoffLimitPerIndex": 0,
    }


def _deadline(request: ExportRequest) -> int:
    share = -(-len(request.buckets) // request.parallelism)
    compiling = request.compiler_timeout_seconds if request.compiler else 0
    return _START_SECONDS + share * (_BUCKET_SECONDS + compiling)


def _failure_rules(*, indexed: bool) -> list[dict[str, Any]]:
    """A pod that the cluster took away is made anew; one that ended for good ends its share."""
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
    mounts = [pods.scratch_mount(), *pods.store_mount(launch.store, read_only=False)]
    volumes = [pods.scratch_volume(), *pods.store_volume(launch.store)]
    if claim:
        mounts.append({"name": "model", "mountPath": _MODELS, "readOnly": True})
        source = {"claimName": claim, "readOnly": True}
        volumes.append({"name": "model", "persistentVolumeClaim": source})
    container = {
        "name": _CONTAINER,
        "image": target.exporter_image,
        "command": ["tracedmodel", "export"],
        "env": pods.environment(_variables(launch, settings)),
        "envFrom": pods.secrets(model.credentials_secret_name, launch.store.secret),
        "resources": pods.resources(resource.spec.export.resources, target.export_resources),
        "securityContext": pods.CONTAINER_SECURITY,
        "terminationMessagePath": pods.REPORT_FILE,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": mounts,
    }
    return {
        **pods.pod_basics(resource),
        "restartPolicy": "Never",
        # Neuron's compiler is x86-64 alone, and graphs for CPUs are proved on the architecture that serves them.
        "nodeSelector": {"kubernetes.io/arch": "amd64"} | target.node_selector,
        "containers": [container],
        "volumes": volumes,
    }


def _variables(launch: Launch, settings: Settings) -> dict[str, str]:
    variables = {
        REQUEST_VARIABLE: launch.request.to_bytes().decode(),
        REPORT_VARIABLE: pods.REPORT_FILE,
        "TMPDIR": pods.SCRATCH,
    }
    return variables | ({"HF_HOME": settings.hub_cache} if settings.hub_cache else {})
