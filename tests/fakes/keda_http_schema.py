"""What the definition of an InterceptorRoute (http.keda.sh/v1beta1, KEDA's HTTP add-on 0.15) asks of the fields that people set."""

from __future__ import annotations

import jsonschema

from strict_schema import Object, array, strict_object

_TEXT = {"type": "string", "minLength": 1}
_COUNT = {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}
_DURATION = {"type": "string", "pattern": r"^(\d+(\.\d+)?(ms|s|m|h))+$"}
# As the rules of the definition say: a port or its name, and never both.
_SERVICE = {
    **strict_object(
        ["service"],
        service=_TEXT,
        port={"type": "integer", "minimum": 1, "maximum": 65535},
        portName=_TEXT,
    ),
    "oneOf": [{"required": ["port"]}, {"required": ["portName"]}],
}
_RULE = strict_object(
    [],
    hosts=array({"type": "string"}, uniqueItems=True),
    paths=array(strict_object(["value"], value=_TEXT)),
    headers=array(strict_object(["name"], name=_TEXT, value={"type": "string"})),
)
_RESPONSE = strict_object(
    [],
    statusCode={"type": "integer", "minimum": 100, "maximum": 599},
    body={"type": "string", "maxLength": 32768},
    headers={"type": "object", "additionalProperties": {"type": "string"}},
)
_COLD_START = {
    **strict_object(
        [],
        fallback=strict_object([], service=_SERVICE),
        placeholder=strict_object([], response=_RESPONSE),
    ),
    "minProperties": 1,
}
_METRIC = {
    **strict_object(
        [],
        concurrency=strict_object(["targetValue"], targetValue=_COUNT),
        requestRate=strict_object(
            ["targetValue"], targetValue=_COUNT, granularity=_DURATION, window=_DURATION
        ),
    ),
    "minProperties": 1,
}
_SPEC = strict_object(
    ["target", "scalingMetric"],
    target=_SERVICE,
    rules=array(_RULE),
    timeouts=strict_object([], readiness=_DURATION, request=_DURATION, responseHeader=_DURATION),
    coldStart=_COLD_START,
    scalingMetric=_METRIC,
)


def problems(item: Object) -> list[str]:
    """Return what the API server would not take of the add-on's definition."""
    named = (item["apiVersion"], item["kind"])
    if named != ("http.keda.sh/v1beta1", "InterceptorRoute"):
        return [f"{named} is nothing that the add-on knows"]
    return [error.message for error in jsonschema.Draft7Validator(_SPEC).iter_errors(item["spec"])]
