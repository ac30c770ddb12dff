"""The HorizontalPodAutoscaler of the serving Deployment."""

from __future__ import annotations

from typing import Any

from tracedmodel_api.types import Autoscaling, Target, TracedModel
from tracedmodel_operator import names
from tracedmodel_operator.kinds import AUTOSCALER
from tracedmodel_operator.quantities import canonical
from tracedmodel_operator.settings import ScalingSettings, Settings

Document = dict[str, Any]


def render_autoscaler(resource: TracedModel, scaling: Autoscaling, settings: Settings) -> Document:
    """Return the autoscaler: by the CPU that pods use, or, where an accelerator works, by their workers' work."""
    return {
        "apiVersion": AUTOSCALER.api_version,
        "kind": AUTOSCALER.name,
        "metadata": names.metadata(resource, resource.metadata.name, names.SERVING),
        "spec": {
            "scaleTargetRef": target(resource),
            "minReplicas": scaling.min_replicas,
            "maxReplicas": scaling.max_replicas,
            "metrics": [_metric(resource, scaling, settings.scaling)],
            "behavior": behavior(settings.scaling),
        },
    }


def target(resource: TracedModel) -> Document:
    """Return the reference to the Deployment."""
    return {"apiVersion": "apps/v1", "kind": "Deployment", "name": resource.metadata.name}


def behavior(settings: ScalingSettings) -> Document:
    """Return how fast an autoscaler may go: up at once but by steps, down slowly, because nodes take minutes to come."""
    up = {"Percent": settings.up_percent, "Pods": settings.up_pods}
    down = {"Percent": settings.down_percent, "Pods": settings.down_pods}
    return {
        "scaleUp": _rules(settings.up_window_seconds, up, settings.up_period_seconds),
        "scaleDown": _rules(settings.down_window_seconds, down, settings.down_period_seconds),
    }


def _rules(window: int, steps: dict[str, int], period: int) -> Document:
    policies = [
        {"type": kind, "value": value, "periodSeconds": period} for kind, value in steps.items()
    ]
    return {"stabilizationWindowSeconds": window, "selectPolicy": "Max", "policies": policies}


def _metric(resource: TracedModel, scaling: Autoscaling, settings: ScalingSettings) -> Document:
    percent = scaling.target_utilization_percent
    if resource.spec.target is Target.CPU and not settings.work_on_cpus:
        wanted: Document = {"type": "Utilization", "averageUtilization": percent}
        return {"type": "Resource", "resource": {"name": "cpu", "target": wanted}}
    wanted = {"type": "AverageValue", "averageValue": canonical(f"{10 * percent}m")}
    metric = {"name": settings.load_metric}
    return {"type": "Pods", "pods": {"metric": metric, "target": wanted}}
