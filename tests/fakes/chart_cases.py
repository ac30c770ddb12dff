"""The chart as tests see it: values that people set, what Helm makes of them, and its parts by kind and name."""

import pytest
import yaml

from chart import FOLDER, NAMESPACE, RELEASE, WIDEST, render

helm = pytest.importorskip("helm_python", reason="NO HELM: helm-python-sdk has no wheel for here")

__all__ = ["FOLDER", "NAMESPACE", "RELEASE", "helm", "render"]

DIGEST = f"sha256:{'5' * 64}"

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
    "cleaned": (
        "A look every Sunday at what nobody names in a store.",
        {"gc": {"enabled": True, "store": "s3://models/traced"}},
    ),
    "cleaned-by-namespace": (
        "The same for the store of each namespace, by someone who may list them.",
        {
            "settings": {"defaultStoreUrl": "s3://models/{namespace}"},
            "gc": {"enabled": True, "store": "s3://models/{namespace}"},
        },
    ),
    "widest": (
        "Everything that there is, a clean-up that deletes and KEDA's permissions among it.",
        yaml.safe_load(WIDEST.read_text(encoding="utf-8")),
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


def pods(objects):
    """Return every pod template: the operator's, and the clean-up's where there is one."""
    jobs = [item["spec"]["jobTemplate"] for item in of_kind(objects, "CronJob")]
    return [item["spec"]["template"] for item in [only(objects, "Deployment"), *jobs]]


def variables(objects):
    """Return the variables that the operator gets; an API server keeps no empty value."""
    (container,) = pod(objects)["spec"]["containers"]
    return {one["name"]: one.get("value", "") for one in container["env"]}


def put(path, value):
    """Return values with one at a path of names."""
    for name in reversed(path.split(".")):
        value = {name: value}
    return value
