"""What KEDA 2's definition of a ScaledObject, and its admission webhook, ask of the fields that the operator sets."""

from __future__ import annotations

import jsonschema

from strict_schema import Object, strict_object

_WHOLE = {"type": "integer", "minimum": 0}
_TEXT = {"type": "string", "minLength": 1}
_TRIGGER = strict_object(
    ["type", "metadata"],
    type={"const": "prometheus"},
    name=_TEXT,
    metricType={"enum": ["AverageValue", "Value", "Utilization"]},
    useCachedMetrics={"type": "boolean"},
    # Numbers and truths are strings here: the definition knows a map of strings.
    metadata=strict_object(
        ["serverAddress", "query", "threshold"],
        serverAddress={"type": "string", "pattern": "^https?://"},
        query=_TEXT,
        threshold={"type": "string", "pattern": r"^\d+(\.\d+)?$"},
        activationThreshold={"type": "string", "pattern": r"^\d+(\.\d+)?$"},
        ignoreNullValues={"enum": ["true", "false"]},
        namespace=_TEXT,
    ),
)
_SPEC = strict_object(
    ["scaleTargetRef", "triggers"],
    scaleTargetRef=strict_object(["name"], apiVersion=_TEXT, kind=_TEXT, name=_TEXT),
    minReplicaCount=_WHOLE,
    maxReplicaCount=_WHOLE,
    pollingInterval=_WHOLE,
    cooldownPeriod=_WHOLE,
    advanced=strict_object(
        [],
        restoreToOriginalReplicaCount={"type": "boolean"},
        horizontalPodAutoscalerConfig=strict_object([], behavior={"type": "object"}, name=_TEXT),
    ),
    triggers={"type": "array", "minItems": 1, "items": _TRIGGER},
)


def problems(item: Object) -> list[str]:
    """Return what KEDA would not take."""
    found = [error.message for error in jsonschema.Draft7Validator(_SPEC).iter_errors(item["spec"])]
    least, most = item["spec"].get("minReplicaCount", 0), item["spec"].get("maxReplicaCount", 100)
    if least > most:
        found.append(f"MinReplicaCount={least} must be less than MaxReplicaCount={most}")
    return found


def as_autoscaler(item: Object) -> Object:
    """Return the HorizontalPodAutoscaler that KEDA makes of a ScaledObject, for the schema of its behaviour."""
    spec = item["spec"]
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": f"keda-hpa-{item['metadata']['name']}"},
        "spec": {
            "scaleTargetRef": spec["scaleTargetRef"],
            "minReplicas": max(1, spec["minReplicaCount"]),
            "maxReplicas": spec["maxReplicaCount"],
            "behavior": spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"],
        },
    }
