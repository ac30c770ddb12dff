"""Values of the chart for each setting of the operator, and the bounds that both keep to."""

import json
import re

from chart_cases import DIGEST, FOLDER, put
from resources import SETTINGS
from tracedmodel_operator.settings import ScalingSettings


def camel(name):
    """Return how values spell the name of a setting."""
    return re.sub(r"_(\w)", lambda found: found[1].upper(), name)


_TARGET = {
    "node_selector": {"pool": "a"},
    "tolerations": [{"key": "a", "operator": "Exists"}],
    "instance_types": ["m7i.large"],
    "priority_class_name": "serving",
    "export_node_selector": {"pool": "b"},
    "export_tolerations": [{"key": "b", "operator": "Equal", "value": "c"}],
    "export_resources": {"cpu": "1", "memory": "2Gi"},
    "serving_resources": {"cpu": "3", "memory": "4Gi"},
}
_IMAGES = {
    "exporter_image": "registry.example/exporter:1",
    "server_image": f"registry.example/server@{DIGEST}",
}


def _target_values():
    images = {
        "exporterImage": {"repository": "registry.example/exporter", "tag": "1"},
        "serverImage": {"repository": "registry.example/server", "digest": DIGEST},
    }
    return {camel(name): value for name, value in _TARGET.items()} | images


def _target(default):
    return type(default)(**_TARGET, **_IMAGES)


_PLAIN = {
    "default_store_url": "s3://models/{namespace}",
    "file_stores": True,
    "neuron_resource": "aws.amazon.com/neuron",
    "neuron_scheduler_name": "neuron-scheduler",
    "image_pull_secrets": ["registry"],
    "serving_host": "::",
    "serving_port": 9000,
    "hub_cache": "",
    "drain_seconds": 0,
    "grace_seconds": 1_000_000,
    "backoff_seconds": 7,
    "max_backoff_seconds": 70,
    "kept_indexes": 5,
    "workers": 3,
    "reconcile_seconds": 61,
    "resync_seconds": 301,
    "health_host": "::",
    "health_port": 9001,
    "log_format": "text",
    "log_level": "DEBUG",
    "job_ttl_seconds": 0,
    "max_concurrent_rollouts": 11,
}
SETTING_VALUES = {
    **{name: (put(f"settings.{camel(name)}", value), value) for name, value in _PLAIN.items()},
    "cpu": (put("targets.cpu", _target_values()), _target(SETTINGS.cpu)),
    "inf1": (put("targets.inf1", _target_values()), _target(SETTINGS.inf1)),
    "namespaces": ({"namespaces": ["search"]}, ["search"]),
    "namespace": (put("lease.namespace", "leases"), "leases"),
    "lease_name": (put("lease.name", "models"), "models"),
    "autoscaling": (put("autoscaling.engine", "KEDA"), "KEDA"),
    "scaling": (
        put("autoscaling.behavior", {"upPods": 5, "demandQuery": "sum(up)"}),
        ScalingSettings(up_pods=5, demand_query="sum(up)"),
    ),
}
"""By setting of the operator, the values that set it and what it then is."""


def bounded():
    """Return name, least and most of each setting that has bounds and that values may have at all."""
    schema = json.loads((FOLDER / "values.schema.json").read_text(encoding="utf-8"))
    known = schema["properties"]["settings"]["properties"]
    for name, told in type(SETTINGS).model_json_schema()["properties"].items():
        if camel(name) in known and "minimum" in told:
            yield name, told["minimum"], told.get("maximum")
