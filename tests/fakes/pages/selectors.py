"""Selectors on a page: each has to choose something that the operator or the chart makes, or others whom a page names."""

from __future__ import annotations

from typing import Any

from pages.blocks import Refused
from pages.charts import check_values
from rendered import children

Labels = dict[str, str]
_OTHERS: tuple[Labels, ...] = (
    {"app.kubernetes.io/name": "http-add-on", "app.kubernetes.io/component": "interceptor"},
    {"app.kubernetes.io/component": "rabbitmq"},
)
"""Of KEDA's HTTP add-on and of RabbitMQ: examples/autoscaling."""


def check_monitor(document: dict[str, Any]) -> None:
    """Refuse a monitor of the Prometheus operator that chooses nothing that is there."""
    wanted = document["spec"]["selector"].get("matchLabels", {})
    if wanted in _OTHERS:
        return
    made = [*children(), *check_values({})]
    if document["kind"] == "PodMonitor":
        offered = [
            o["spec"]["template"]["metadata"] for o in made if o["kind"] in ("Deployment", "Job")
        ]
    else:
        offered = [o["metadata"] for o in made if o["kind"] == "Service"]
    if not any(wanted.items() <= one.get("labels", {}).items() for one in offered):
        raise Refused(f"chooses nothing that the operator or the chart makes: {wanted}")
