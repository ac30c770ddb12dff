"""The serving Deployment of one artifact."""

from __future__ import annotations

from typing import Any

from tracedmodel_api.request import REPORT_VARIABLE
from tracedmodel_api.types import Strategy, Target, TracedModel
from tracedmodel_operator import names
from tracedmodel_operator.artifacts import Artifact
from tracedmodel_operator.render import pods
from tracedmodel_operator.render.index import INDEX_KEY
from tracedmodel_operator.settings import Settings
from tracedmodel_operator.stores import StoreRef

INDEX_FOLDER = "/etc/tracedmodel"
CORES_PER_CHIP = 4
_STARTUP_PERIOD = 5
_STARTUP_SECONDS = 1200
"""Time to fetch, load, warm up and prove every graph, before the kubelet gives a pod up."""
_STOP_MARGIN = 5


def render_deployment(
    resource: TracedModel, artifact: Artifact, store: StoreRef, settings: Settings
) -> dict[str, Any]:
    """Return the Deployment, without replicas: those are set through its scale, by the operator or an autoscaler."""
    serving = resource.spec.serving
    annotations = {names.ARTIFACT: artifact.digest}
    template = {
        "metadata": {
            "labels": names.labels(resource, names.SERVING),
            "annotations": annotations,
        },
        "spec": _pod(resource, artifact, store, settings),
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": names.metadata(resource, resource.metadata.name, names.SERVING, annotations),
        "spec": {
            "selector": {"matchLabels": names.serving_selector(resource)},
            "strategy": _strategy(serving.rollout.strategy),
            "progressDeadlineSeconds": serving.rollout.progress_deadline_seconds,
            "revisionHistoryLimit": settings.kept_indexes,
            "template": template,
        },
    }


def _strategy(strategy: Strategy) -> dict[str, Any]:
    surge = strategy is Strategy.SURGE
    steps = {"maxSurge": 1, "maxUnavailable": 0} if surge else {"maxSurge": 0, "maxUnavailable": 1}
    return {"type": "RollingUpdate", "rollingUpdate": steps}


def _pod(
    resource: TracedModel, artifact: Artifact, store: StoreRef, settings: Settings
) -> dict[str, Any]:
    target = settings.target(resource.spec.target)
    index = {"name": names.index_name(resource, artifact.digest)}
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": names.serving_selector(resource)},
    }
    return {
        **pods.pod_basics(resource),
        **pods.tolerations(target),
        **_placement(target.node_selector, target.instance_types),
        "terminationGracePeriodSeconds": settings.drain_seconds
        + settings.grace_seconds
        + _STOP_MARGIN,
        "topologySpreadConstraints": [spread],
        "containers": [_container(resource, artifact, store, settings)],
        "volumes": [
            pods.scratch_volume(),
            {"name": "index", "configMap": index},
            *pods.store_volume(store),
        ],
    }


def _placement(selector: dict[str, str], instance_types: list[str]) -> dict[str, Any]:
    placement: dict[str, Any] = {"nodeSelector": selector} if selector else {}
    if instance_types:
        term = {
            "key": "node.kubernetes.io/instance-type",
            "operator": "In",
            "values": instance_types,
        }
        required = {"nodeSelectorTerms": [{"matchExpressions": [term]}]}
        wanted = {"requiredDuringSchedulingIgnoredDuringExecution": required}
        placement["affinity"] = {"nodeAffinity": wanted}
    return placement


def _container(
    resource: TracedModel, artifact: Artifact, store: StoreRef, settings: Settings
) -> dict[str, Any]:
    target = settings.target(resource.spec.target)
    resources = pods.resources(resource.spec.serving.resources, target.serving_resources)
    for kind in resources.values():
        kind.update(_devices(resource, settings))
    return {
        "name": "server",
        "image": target.server_image,
        "command": ["tracedmodel", "serve"],
        "env": pods.environment(_variables(resource, artifact, store, settings)),
        "envFrom": pods.secrets(store.secret),
        "ports": [{"name": "http", "containerPort": settings.serving_port, "protocol": "TCP"}],
        "startupProbe": _probe("/v2/health/ready", _STARTUP_PERIOD, _STARTUP_SECONDS),
        "readinessProbe": _probe("/v2/health/ready", 2, 4),
        "livenessProbe": _probe("/v2/health/live", 10, 60),
        "resources": resources,
        "securityContext": pods.CONTAINER_SECURITY,
        "terminationMessagePath": pods.REPORT_FILE,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            pods.scratch_mount(),
            {"name": "index", "mountPath": INDEX_FOLDER, "readOnly": True},
            *pods.store_mount(store, read_only=True),
        ],
    }


def _devices(resource: TracedModel, settings: Settings) -> dict[str, str]:
    """Return the NeuronCores of a replica as the cluster counts them."""
    if resource.spec.target is Target.CPU:
        return {}
    cores = resource.spec.serving.neuron_cores or 1
    by_core = settings.neuron_resource.endswith("neuroncore")
    return {settings.neuron_resource: str(cores if by_core else cores // CORES_PER_CHIP)}


def _probe(path: str, period: int, patience: int) -> dict[str, Any]:
    """Return a probe that fails after ``patience`` seconds without an answer of 200."""
    return {
        "httpGet": {"path": path, "port": "http"},
        "periodSeconds": period,
        "timeoutSeconds": 2,
        "failureThreshold": max(1, patience // period),
    }


def _variables(
    resource: TracedModel, artifact: Artifact, store: StoreRef, settings: Settings
) -> dict[str, str]:
    batching = resource.spec.serving.batching
    cores = resource.spec.serving.neuron_cores
    return {
        "TRACEDMODEL_MODEL_NAME": resource.metadata.name,
        "TRACEDMODEL_STORE_URL": store.url,
        "TRACEDMODEL_INDEX_FILE": f"{INDEX_FOLDER}/{INDEX_KEY}",
        "TRACEDMODEL_ARTIFACT_DIGEST": artifact.digest,
        "TRACEDMODEL_HOST": settings.serving_host,
        "TRACEDMODEL_PORT": str(settings.serving_port),
        "TRACEDMODEL_WORKERS": str(cores or 1),
        "TRACEDMODEL_MAX_DELAY_MILLISECONDS": str(batching.max_delay_milliseconds),
        "TRACEDMODEL_MAX_QUEUED_REQUESTS": str(batching.max_queued_requests),
        "TRACEDMODEL_DRAIN_SECONDS": str(settings.drain_seconds),
        "TRACEDMODEL_GRACE_SECONDS": str(settings.grace_seconds),
        REPORT_VARIABLE: pods.REPORT_FILE,
        "TMPDIR": pods.SCRATCH,
    }
