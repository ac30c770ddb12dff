"""KEDA's ScaledObject of the serving Deployment."""

from __future__ import annotations

from typing import Any

from tracedmodel_api.types import Autoscaling, TracedModel
from tracedmodel_operator import names
from tracedmodel_operator.kinds import SCALED_OBJECT
from tracedmodel_operator.render.autoscaler import behavior, target
from tracedmodel_operator.settings import ScalingSettings, Settings

Document = dict[str, Any]

_PODS = 'namespace="{namespace}",pod=~"{name}-[a-z0-9]+-[a-z0-9]+"'
"""Labels that Prometheus gives to what it reads of pods; a longer name of another model has one more dash."""
_WORK = (
    f"sum(rate(tracedmodel_work_seconds_total{{{_PODS}}}[2m]))"
    f" / avg(tracedmodel_workers{{{_PODS}}})"
)
"""Replicas that could do the work of all if they did nothing else: over a window of eight scrapes of 15 seconds."""


def render_scaled_object(
    resource: TracedModel, scaling: Autoscaling, settings: Settings
) -> Document:
    """Return the ScaledObject: by the work of all replicas, and from zero by who asks for what does not run."""
    own = settings.scaling
    return {
        "apiVersion": SCALED_OBJECT.api_version,
        "kind": SCALED_OBJECT.name,
        "metadata": names.metadata(resource, resource.metadata.name, names.SERVING),
        "spec": {
            "scaleTargetRef": target(resource),
            "minReplicaCount": scaling.min_replicas,
            "maxReplicaCount": scaling.max_replicas,
            "pollingInterval": own.poll_seconds,
            "cooldownPeriod": own.cooldown_seconds,
            "advanced": {
                # Whatever deletes this, the replicas that there are stay.
                "restoreToOriginalReplicaCount": False,
                "horizontalPodAutoscalerConfig": {"behavior": behavior(own)},
            },
            "triggers": _triggers(resource, scaling, own),
        },
    }


def _triggers(
    resource: TracedModel, scaling: Autoscaling, settings: ScalingSettings
) -> list[Document]:
    to_zero = scaling.min_replicas == 0
    threshold = f"{scaling.target_utilization_percent / 100:g}"
    # Where something always runs, to be told nothing is a fault of the metrics, and no reason to scale down.
    work = _trigger(resource, settings, _WORK, threshold, silence_is_zero=to_zero)
    if not (to_zero and settings.demand_query):
        return [work]
    # The wish for one replica at most: how many more, their own load says.
    asked = f"({settings.demand_query}) > bool 0"
    return [work, _trigger(resource, settings, asked, "1", silence_is_zero=True)]


def _trigger(
    resource: TracedModel,
    settings: ScalingSettings,
    query: str,
    threshold: str,
    *,
    silence_is_zero: bool,
) -> Document:
    own = resource.metadata
    return {
        "type": "prometheus",
        "metricType": "AverageValue",
        "metadata": {
            "serverAddress": settings.prometheus_url,
            "query": query.replace("{namespace}", own.namespace).replace("{name}", own.name),
            "threshold": threshold,
            "activationThreshold": "0",
            "ignoreNullValues": "true" if silence_is_zero else "false",
        },
    }
