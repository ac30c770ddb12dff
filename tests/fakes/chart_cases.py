"""The chart as tests see it: values that people set, what Helm makes of them, and its parts by kind and name."""

import json
import re

import pytest

from chart import FOLDER, NAMESPACE, RELEASE, render
from resources import SETTINGS
from tracedmodel_operator.settings import ScalingSettings

helm = pytest.importorskip("helm_python", reason="NO HELM: helm-python-sdk has no wheel for here")

__all__ = ["FOLDER", "NAMESPACE", "RELEASE", "helm", "render"]

DIGEST = f"sha256:{'5' * 64}"
_PREFIX = "TRACEDMODEL_OPERATOR_"

CASES = {
    "default": ("What helm install makes without any values.", {}),
    "namespaced": (
        "Two namespaces, by someone who may make nothing for the whole cluster.",
        {
            "namespaces": ["search", "ranking"],
            "crds": {"install": False},
            "rbac": {"userRoles": False},
            "settings": {"defaultStoreUrl": "s3://models/{namespace}"},
        },
    ),
    "monitored": (
        "Scraped by the Prometheus operator, with alerts and dashboards.",
        {
            "monitoring": {
                "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
                "podMonitor": {"enabled": True, "interval": "15s"},
                "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
                "dashboards": {"enabled": True, "annotations": {"grafana_folder": "Models"}},
            },
            "settings": {"resyncSeconds": 600},
        },
    ),
    "monitored-namespaced": (
        "The same for one namespace: servers of others are nobody's business.",
        {"namespaces": ["search"], "monitoring": {"podMonitor": {"enabled": True}}},
    ),
    "inf1": (
        "A cluster of Inf1 nodes whose device plugin offers whole chips, images by their content.",
        {
            "image": {"digest": DIGEST},
            "settings": {
                "neuronResource": "aws.amazon.com/neuron",
                "neuronSchedulerName": "neuron-scheduler",
                "imagePullSecrets": ["registry"],
            },
            "targets": {
                "inf1": {
                    "serverImage": {"repository": "registry.example/server", "digest": DIGEST},
                    "exporterImage": {"repository": "registry.example/exporter", "tag": "7"},
                    "instanceTypes": ["inf1.xlarge"],
                    "tolerations": [],
                    "nodeSelector": {"pool": "inf1"},
                    "exportNodeSelector": {"pool": "large"},
                    "priorityClassName": "serving",
                },
            },
        },
    ),
    "keda": ("Autoscaled by KEDA.", {"autoscaling": {"engine": "KEDA"}}),
    "smallest": (
        "One operator, with nothing around it that can be left out.",
        {
            "replicas": 1,
            "crds": {"keep": False},
            "rbac": {"create": False, "userRoles": False},
            "serviceAccount": {"create": False, "name": "somebody"},
            "networkPolicy": {"enabled": False},
        },
    ),
    "placed": (
        "Where the administrator wants it, with his labels, behind his walls.",
        {
            "replicas": 3,
            "labels": {"team": "platform", "app.kubernetes.io/name": "mine"},
            "annotations": {"example.com/owner": "platform"},
            "podLabels": {"tier": "control"},
            "podAnnotations": {"example.com/scrape": "no"},
            "serviceAccount": {"annotations": {"example.com/role": "none"}},
            "imagePullSecrets": ["registry"],
            "priorityClassName": "system-cluster-critical",
            "nodeSelector": {"pool": "control"},
            "tolerations": [{"key": "control", "operator": "Exists"}],
            "affinity": {"nodeAffinity": {}},
            "topologySpreadConstraints": [
                {
                    "maxSkew": 1,
                    "topologyKey": "topology.kubernetes.io/zone",
                    "whenUnsatisfiable": "DoNotSchedule",
                }
            ],
            "networkPolicy": {
                "apiServerPorts": [6443],
                "apiServerCidrs": ["10.0.0.1/32"],
                "metricsFrom": [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}],
                "extraEgress": [{"ports": [{"port": 53, "protocol": "UDP"}]}],
            },
        },
    ),
    "administered": (
        "Other settings, another Lease, HorizontalPodAutoscalers.",
        {
            "fullnameOverride": "tm",
            "autoscaling": {"engine": "HPA"},
            "lease": {"name": "models", "namespace": "leases"},
            "settings": {
                "servingPort": 9000,
                "healthPort": 9001,
                "healthHost": "::",
                "hubCache": "",
                "drainSeconds": 10,
                "workers": 32,
                "maxConcurrentRollouts": 3,
                "logFormat": "text",
            },
        },
    ),
}
"""By name, what it is for and the values."""


def case(name):
    """Return the objects of a case."""
    return render(CASES[name][1])


def of_kind(objects, kind):
    """Return the objects of a kind."""
    return [item for item in objects if item["kind"] == kind]


def only(objects, kind):
    """Return the one object of a kind."""
    (item,) = of_kind(objects, kind)
    return item


def pod(objects):
    """Return the operator's pod template."""
    return only(objects, "Deployment")["spec"]["template"]


def variables(objects):
    """Return the variables that the operator gets; an API server keeps no empty value."""
    (container,) = pod(objects)["spec"]["containers"]
    return {one["name"]: one.get("value", "") for one in container["env"]}


def put(path, value):
    """Return values with one at a path of names."""
    for name in reversed(path.split(".")):
        value = {name: value}
    return value


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
