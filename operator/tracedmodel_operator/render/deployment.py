"""The serving Deployment of one artifact."""

from __future__ import annotations

from typing import Any

from tracedmodel_api.types import Strategy, TracedModel
from tracedmodel_operator import names
from tracedmodel_operator.artifacts import Artifact
from tracedmodel_operator.render import durations, neuron, pods
from tracedmodel_operator.render.replica import Replica
from tracedmodel_operator.render.server import server
from tracedmodel_operator.settings import Settings
from tracedmodel_operator.stores import StoreRef

_PLACEMENT_SECONDS = 60
"""From a new pod to its started container, at least; who needs longer sets a longer progressDeadlineSeconds."""
_SPREAD_OVER = ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
_POD_TEMPLATE = "pod-template-hash"


def render_deployment(
    resource: TracedModel, artifact: Artifact, store: StoreRef, settings: Settings
) -> dict[str, Any]:
    """Return the Deployment, without replicas: those are set through its scale, by the operator or an autoscaler.

    A pod is available as soon as it is ready, without minReadySeconds: by then it has proved itself.
    """
    replica = Replica(resource, artifact, settings)
    rollout = resource.spec.serving.rollout
    start = durations.start_seconds(replica) + _PLACEMENT_SECONDS
    annotations = {names.ARTIFACT: artifact.digest}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": names.metadata(resource, resource.metadata.name, names.SERVING, annotations),
        "spec": {
            "selector": {"matchLabels": names.serving_selector(resource)},
            "strategy": _strategy(rollout.strategy),
            # Else Kubernetes would call a start failed that its own probe still waits for.
            "progressDeadlineSeconds": max(rollout.progress_deadline_seconds, start),
            "revisionHistoryLimit": settings.kept_indexes,
            "template": {
                "metadata": {
                    "labels": names.labels(resource, names.SERVING),
                    "annotations": dict(annotations),
                },
                "spec": _pod(replica, store),
            },
        },
    }


def _strategy(strategy: Strategy) -> dict[str, Any]:
    surge = strategy is Strategy.SURGE
    steps = {"maxSurge": 1, "maxUnavailable": 0} if surge else {"maxSurge": 0, "maxUnavailable": 1}
    return {"type": "RollingUpdate", "rollingUpdate": steps}


def _pod(replica: Replica, store: StoreRef) -> dict[str, Any]:
    own = replica.target_settings
    index = {"name": names.index_name(replica.resource, replica.artifact.digest)}
    priority = own.priority_class_name
    return {
        **pods.pod_basics(replica.resource, replica.settings),
        **pods.nodes(own.node_selector, own.tolerations),
        **_affinity(neuron.instance_types(replica)),
        **neuron.scheduler(replica),
        **({"priorityClassName": priority} if priority else {}),
        "terminationGracePeriodSeconds": durations.end_seconds(replica),
        "topologySpreadConstraints": [_spread(replica.resource, key) for key in _SPREAD_OVER],
        "containers": [server(replica, store)],
        "volumes": [
            pods.scratch_volume(),
            {"name": "index", "configMap": index},
            *pods.store_volume(store),
        ],
    }


def _affinity(instance_types: list[str]) -> dict[str, Any]:
    if not instance_types:
        return {}
    key = "node.kubernetes.io/instance-type"
    expressions = [{"key": key, "operator": "In", "values": instance_types}]
    required = {"nodeSelectorTerms": [{"matchExpressions": expressions}]}
    return {
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
    }


def _spread(resource: TracedModel, key: str) -> dict[str, Any]:
    """Return the wish that the pods of this template, not those that it replaces, be spread evenly."""
    return {
        "maxSkew": 1,
        "topologyKey": key,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": names.serving_selector(resource)},
        "matchLabelKeys": [_POD_TEMPLATE],
    }
