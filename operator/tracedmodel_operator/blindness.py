"""Whether autoscalers know the load, by what they say of themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tracedmodel_operator.podstate import Trouble

_TELLING = ("ScalingActive", "Ready")
"""Conditions of a HorizontalPodAutoscaler and of a ScaledObject."""
_ASLEEP = "ScalingDisabled"
"""Reason of one whose Deployment has no replicas: there is no load to know."""


def blindness(autoscalers: Iterable[Mapping[str, Any]]) -> Trouble | None:
    """Return the first reason why an autoscaler does not scale, or None."""
    for autoscaler in autoscalers:
        for condition in (autoscaler.get("status") or {}).get("conditions") or ():
            stands = condition["type"] in _TELLING and condition["status"] == "False"
            if stands and condition.get("reason") != _ASLEEP:
                reason = condition.get("reason") or "Unknown"
                return Trouble(reason, condition.get("message") or "")
    return None
