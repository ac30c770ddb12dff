"""The container of a serving pod."""

from __future__ import annotations

from typing import Any

from tracedmodel_api.request import REPORT_VARIABLE
from tracedmodel_operator.render import durations, neuron, pods
from tracedmodel_operator.render.index import INDEX_KEY
from tracedmodel_operator.render.replica import Replica
from tracedmodel_operator.stores import StoreRef

INDEX_FOLDER = "/etc/tracedmodel"
_BLOBS = f"{pods.SCRATCH}/blobs"
_LIVE, _READY = "/v2/health/live", "/v2/health/ready"
_STARTUP_PERIOD = 2
"""Often enough for a small model, and seldom enough for the kubelet, which tells of so many failures and no more."""
_READINESS_PERIOD, _READINESS_SECONDS = 2, 4
_LIVENESS_PERIOD, _LIVENESS_SECONDS = 10, 60
_ANSWER_SECONDS = 5
"""A probe waits for a server that has less than a CPU; one that is not ready says so at once."""


def server(replica: Replica, store: StoreRef) -> dict[str, Any]:
    """Return the container. It takes requests once it proved every graph, and drains by itself when told to stop."""
    limits = {**replica.resources, **neuron.devices(replica)}
    return {
        "name": "server",
        "image": replica.target_settings.server_image,
        "command": ["tracedmodel", "serve"],
        "env": pods.environment(_variables(replica, store)),
        **pods.secrets(store.secret),
        "ports": [
            {"name": "http", "containerPort": replica.settings.serving_port, "protocol": "TCP"}
        ],
        "startupProbe": _probe(_READY, _STARTUP_PERIOD, durations.start_seconds(replica)),
        "readinessProbe": _probe(_READY, _READINESS_PERIOD, _READINESS_SECONDS),
        "livenessProbe": _probe(_LIVE, _LIVENESS_PERIOD, _LIVENESS_SECONDS),
        "resources": pods.resources(limits),
        "securityContext": pods.CONTAINER_SECURITY,
        "terminationMessagePath": pods.REPORT_FILE,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            pods.scratch_mount(),
            {"name": "index", "mountPath": INDEX_FOLDER, "readOnly": True},
            *pods.store_mount(store, read_only=True),
        ],
    }


def _probe(path: str, period: int, patience: int) -> dict[str, Any]:
    """Return a probe that fails after ``patience`` seconds without an answer of 200."""
    return {
        "httpGet": {"path": path, "port": "http"},
        "periodSeconds": period,
        "timeoutSeconds": _ANSWER_SECONDS,
        "failureThreshold": -(-patience // period),
    }


def _workers(replica: Replica) -> dict[str, str]:
    """Return what a server has to run graphs on; how many workers NeuronCores make is for the artifact to say."""
    if replica.cores:
        return {"TRACEDMODEL_NEURON_CORES": str(replica.cores)}
    return {"TRACEDMODEL_WORKERS": str(replica.most_workers)}


def _variables(replica: Replica, store: StoreRef) -> dict[str, str]:
    batching, settings = replica.resource.spec.serving.batching, replica.settings
    return {
        "TRACEDMODEL_MODEL_NAME": replica.resource.metadata.name,
        "TRACEDMODEL_STORE_URL": store.url,
        "TRACEDMODEL_INDEX_FILE": f"{INDEX_FOLDER}/{INDEX_KEY}",
        "TRACEDMODEL_ARTIFACT_DIGEST": replica.artifact.digest,
        "TRACEDMODEL_CACHE_FOLDER": _BLOBS,
        "TRACEDMODEL_HOST": settings.serving_host,
        "TRACEDMODEL_PORT": str(settings.serving_port),
        **_workers(replica),
        "TRACEDMODEL_MAX_DELAY_MILLISECONDS": str(batching.max_delay_milliseconds),
        "TRACEDMODEL_MAX_QUEUED_REQUESTS": str(batching.max_queued_requests),
        "TRACEDMODEL_DRAIN_SECONDS": str(settings.drain_seconds),
        "TRACEDMODEL_GRACE_SECONDS": str(durations.grace_seconds(replica)),
        REPORT_VARIABLE: pods.REPORT_FILE,
        "TMPDIR": pods.SCRATCH,
    }
