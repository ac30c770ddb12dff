"""The PodDisruptionBudget of the serving pods."""

from __future__ import annotations

from typing import Any

from tracedmodel_api.types import TracedModel
from tracedmodel_operator import names


def render_budget(resource: TracedModel) -> dict[str, Any]:
    """Return the budget: nodes are drained of one replica at a time, and of one that never comes up at any time."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": names.metadata(resource, resource.metadata.name, names.SERVING),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": names.serving_selector(resource)},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }
