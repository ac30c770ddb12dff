"""examples/eks: its documents, the nodes that they make, and whether a pod fits one."""

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "eks"
CLUSTERS = ["cluster.yaml", "cluster-karpenter.yaml"]
ACCOUNT = "111122223333"
_EVERYWHERE = {"kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux"}
_INSTANCE_TYPE = "node.kubernetes.io/instance-type"

INSTANCES = {
    "inf1.xlarge": {"cpu": 3.92, "memory": 6.4, "aws.amazon.com/neuroncore": 4},
    "inf1.2xlarge": {"cpu": 7.91, "memory": 14.0, "aws.amazon.com/neuroncore": 4},
    "m5.4xlarge": {"cpu": 15.89, "memory": 56.3},
    "m6i.4xlarge": {"cpu": 15.89, "memory": 56.3},
    "m5.large": {"cpu": 1.93, "memory": 6.7},
}
"""What pods may ask for, in CPUs, GiB and NeuronCores: docs/inf1.md, and Karpenter's table of instance types."""
_DISK = {"ephemeral-storage": 60}
"""In GiB: of eksctl's 80 GB, where a node group names no size, the kubelet keeps a fifth for itself."""


def documents(name):
    """Return the documents of a file."""
    return list(yaml.safe_load_all((FOLDER / name).read_text(encoding="utf-8")))


def cluster(name):
    """Return what eksctl is given."""
    (document,) = documents(name)
    return document


VALUES = documents("values.yaml")[0]
MODEL = documents("minilm.yaml")[0]


@dataclass(frozen=True)
class Node:
    """An empty node, and whose it is: a node group's or a NodePool's."""

    owner: str
    instance: str
    labels: dict[str, str]
    taints: list[dict[str, str]]

    def takes(self, spec):
        """Tell whether a pod could be there, as Kubernetes' scheduler decides it."""
        return self._is_chosen(spec) and self._is_tolerated(spec) and self._suffices(spec)

    def _is_chosen(self, spec):
        labels = {**_EVERYWHERE, _INSTANCE_TYPE: self.instance, **self.labels}
        affinity = spec.get("affinity", {}).get("nodeAffinity", {})
        required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution", {})
        terms = [one["matchExpressions"] for one in required.get("nodeSelectorTerms", [])]
        return spec.get("nodeSelector", {}).items() <= labels.items() and any(
            all(labels.get(one["key"]) in one["values"] for one in term) for term in terms or [[]]
        )

    def _is_tolerated(self, spec):
        tolerations = spec.get("tolerations", [])
        return all(any(_tolerates(one, taint) for one in tolerations) for taint in self.taints)

    def _suffices(self, spec):
        asked = [container["resources"]["requests"] for container in spec["containers"]]
        there = INSTANCES[self.instance] | _DISK
        return all(
            _amount(quantity) <= there.get(name, 0)
            for one in asked
            for name, quantity in one.items()
        )


def _tolerates(toleration, taint):
    return (
        toleration["key"] == taint["key"]
        and toleration["effect"] == taint["effect"]
        and (toleration["operator"] == "Exists" or toleration["value"] == taint["value"])
    )


def _amount(quantity):
    number, unit = re.fullmatch(r"(\d+)(m|Mi|Gi)?", quantity).groups()
    return int(number) * {"m": 1e-3, "Mi": 2**-10}.get(unit, 1)


def _group_nodes(name):
    return [
        Node(group["name"], instance, group.get("labels", {}), group.get("taints", []))
        for group in cluster(name)["managedNodeGroups"]
        for instance in group["instanceTypes"]
    ]


def _pool_nodes(pool):
    template = pool["spec"]["template"]
    labels, taints = template.get("metadata", {}).get("labels", {}), template["spec"]["taints"]
    wanted = {one["key"]: one["values"] for one in template["spec"]["requirements"]}
    return [
        Node(pool["metadata"]["name"], instance, labels, taints)
        for instance in wanted[_INSTANCE_TYPE]
    ]


NODES = {
    "node groups": _group_nodes(CLUSTERS[0]),
    "Karpenter": [
        *_group_nodes(CLUSTERS[1]),
        *(node for pool in documents("karpenter.yaml")[1:] for node in _pool_nodes(pool)),
    ],
}


def association():
    """Return the account by which pods of the model's namespace use the store."""
    (found,) = [
        one
        for one in cluster(CLUSTERS[0])["iam"]["podIdentityAssociations"]
        if one["namespace"] == MODEL["metadata"]["namespace"]
    ]
    return found
