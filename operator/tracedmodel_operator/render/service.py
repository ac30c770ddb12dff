"""The Service in front of the serving pods."""

from __future__ import annotations

from typing import Any

from tracedmodel_api.types import TracedModel
from tracedmodel_operator import names

PORT = 80


def render_service(resource: TracedModel) -> dict[str, Any]:
    """Return the Service."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": names.metadata(resource, resource.metadata.name, names.SERVING),
        "spec": {
            "type": "ClusterIP",
            "selector": names.serving_selector(resource),
            "ports": [{"name": "http", "port": PORT, "targetPort": "http", "protocol": "TCP"}],
        },
    }
