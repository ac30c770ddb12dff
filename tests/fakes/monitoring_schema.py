"""What the Prometheus operator's definitions (monitoring.coreos.com/v1) ask of the fields that the chart sets."""

from __future__ import annotations

import jsonschema

from strict_schema import Object, array, strict_object

_TEXT = {"type": "string", "minLength": 1}
_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
_LABEL = {"type": "string", "pattern": "^[a-zA-Z_][a-zA-Z0-9_]*$"}
_DURATION = {
    "type": "string",
    "pattern": "^(0|(([0-9]+)y)?(([0-9]+)w)?(([0-9]+)d)?(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?(([0-9]+)ms)?)$",
    "minLength": 1,
}
_REQUIREMENT = strict_object(
    ["key", "operator"],
    key=_TEXT,
    operator={"enum": ["In", "NotIn", "Exists", "DoesNotExist"]},
    values=array(_TEXT),
)
_SELECTOR = strict_object([], matchLabels=_TEXTS, matchExpressions=array(_REQUIREMENT))
_NAMESPACES = strict_object([], any={"type": "boolean"}, matchNames=array(_TEXT))
_RELABELING = strict_object(
    [],
    sourceLabels=array(_LABEL),
    separator={"type": "string"},
    targetLabel=_TEXT,
    regex=_TEXT,
    replacement={"type": "string"},
    action={"enum": ["replace", "keep", "drop", "hashmod", "labelmap", "labeldrop", "labelkeep"]},
)
_ENDPOINT = strict_object(
    ["port"],
    port=_TEXT,
    path={"type": "string", "pattern": "^/"},
    scheme={"enum": ["http", "https"]},
    interval=_DURATION,
    scrapeTimeout=_DURATION,
    honorLabels={"type": "boolean"},
    relabelings=array(_RELABELING),
    metricRelabelings=array(_RELABELING),
)
_RULE = {
    **strict_object(
        ["expr"],
        alert=_TEXT,
        record=_TEXT,
        expr=_TEXT,
        **{"for": _DURATION, "keep_firing_for": _DURATION},
        labels=_TEXTS,
        annotations=_TEXTS,
    ),
    "oneOf": [{"required": ["alert"]}, {"required": ["record"]}],
}
_GROUP = strict_object(
    ["name", "rules"], name=_TEXT, interval=_DURATION, labels=_TEXTS, rules=array(_RULE, minItems=1)
)
_SPECS = {
    "ServiceMonitor": strict_object(
        ["selector", "endpoints"],
        jobLabel=_TEXT,
        namespaceSelector=_NAMESPACES,
        selector=_SELECTOR,
        endpoints=array(_ENDPOINT, minItems=1),
    ),
    "PodMonitor": strict_object(
        ["selector", "podMetricsEndpoints"],
        jobLabel=_TEXT,
        namespaceSelector=_NAMESPACES,
        selector=_SELECTOR,
        podMetricsEndpoints=array(_ENDPOINT, minItems=1),
    ),
    "PrometheusRule": strict_object(["groups"], groups=array(_GROUP, minItems=1)),
}
KINDS = frozenset(_SPECS)


def problems(item: Object) -> list[str]:
    """Return what the Prometheus operator would not take; two groups of one name are of that."""
    if item["apiVersion"] != "monitoring.coreos.com/v1":
        return [f"there is no {item['kind']} in {item['apiVersion']}"]
    schema = jsonschema.Draft7Validator(_SPECS[item["kind"]])
    found = [f"{error.json_path}: {error.message}" for error in schema.iter_errors(item["spec"])]
    names = [group.get("name") for group in item["spec"].get("groups", ())]
    return found + [f"group {name} stands twice" for name in {*names} if names.count(name) > 1]
