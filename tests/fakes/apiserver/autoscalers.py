"""What scales by load: the HorizontalPodAutoscaler's controller, and KEDA, as far as replicas and conditions go."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from apiserver.writes import MERGE_TYPE
from tracedmodel_operator.kinds import AUTOSCALER, DEPLOYMENT, SCALED_OBJECT, Kind
from tracedmodel_operator.kube import Request

Object = dict[str, Any]
Named = Mapping[tuple[str, str], Object]
FINALIZER = "finalizer.keda.sh"
_BY = {"fieldManager": "autoscalers"}


def name_of(item: Object) -> tuple[str, str]:
    """Return namespace and name."""
    return item["metadata"]["namespace"], item["metadata"]["name"]


class Scalers:
    """Says what each autoscaler writes next.

    ``load`` returns how many replicas the load of a Deployment asks for, or None while no metric tells it; by default
    as many as there are. ``demand`` is whether somebody asks for what does not run, ``keda_works`` whether KEDA's
    operator is there.
    """

    def __init__(self) -> None:
        self.load: Callable[[Object], int | None] = lambda deployment: deployment["spec"][
            "replicas"
        ]
        self.demand = True
        self.keda_works = True

    def hpa(self, item: Object, deployments: Named) -> Iterator[Request]:
        """Return what the controller of HorizontalPodAutoscalers writes for one."""
        spec, (namespace, _) = item["spec"], name_of(item)
        deployment = deployments.get((namespace, spec["scaleTargetRef"]["name"]))
        if deployment is None or "deletionTimestamp" in item["metadata"]:
            return
        replicas, load = deployment["spec"]["replicas"], self.load(deployment)
        if not replicas:
            yield from _tell(item, "False", "ScalingDisabled", "scaling is disabled at zero")
            return
        if load is None:
            sentence = "the HPA was unable to compute the replica count: no metrics returned"
            yield from _tell(item, "False", "FailedGetPodsMetric", sentence)
        else:
            yield from _tell(item, "True", "ValidMetricFound", "the HPA was able to compute")
        wanted = min(max(load or replicas, spec["minReplicas"]), spec["maxReplicas"])
        yield from _scale(deployment, wanted)

    def keda(self, item: Object, autoscalers: Named, deployments: Named) -> Iterator[Request]:
        """Return what KEDA writes for a ScaledObject."""
        if not self.keda_works:
            return
        namespace, name = name_of(item)
        finalizers = item["metadata"].get("finalizers") or []
        if "deletionTimestamp" in item["metadata"]:
            if FINALIZER in finalizers:
                yield _merge(SCALED_OBJECT, item, {"metadata": {"finalizers": None}})
            return
        if FINALIZER not in finalizers:
            yield _merge(SCALED_OBJECT, item, {"metadata": {"finalizers": [FINALIZER]}})
        if (namespace, f"keda-hpa-{name}") not in autoscalers:
            yield Request("POST", AUTOSCALER.path(namespace), _BY, hpa_of(item))
        deployment = deployments.get((namespace, item["spec"]["scaleTargetRef"]["name"]))
        if deployment is not None:
            least, replicas = item["spec"]["minReplicaCount"], deployment["spec"]["replicas"]
            idle = least == 0 and not self.demand
            yield from _scale(deployment, 0 if idle else max(replicas, least, 1))


def hpa_of(item: Object) -> Object:
    """Return the autoscaler that KEDA makes, with the ScaledObject's own labels over KEDA's."""
    metadata, spec = item["metadata"], item["spec"]
    owner = {
        "apiVersion": SCALED_OBJECT.api_version,
        "kind": SCALED_OBJECT.name,
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return {
        "apiVersion": AUTOSCALER.api_version,
        "kind": AUTOSCALER.name,
        "metadata": {
            "name": f"keda-hpa-{metadata['name']}",
            "namespace": metadata["namespace"],
            "labels": {
                "app.kubernetes.io/managed-by": "keda-operator",
                **(metadata.get("labels") or {}),
            },
            "ownerReferences": [owner],
        },
        "spec": {
            "scaleTargetRef": spec["scaleTargetRef"],
            "minReplicas": max(1, spec["minReplicaCount"]),
            "maxReplicas": spec["maxReplicaCount"],
        },
    }


def _tell(item: Object, status: str, reason: str, message: str) -> Iterator[Request]:
    told = {"type": "ScalingActive", "status": status, "reason": reason, "message": message}
    before = (item.get("status") or {}).get("conditions") or ()
    if not any(told.items() <= condition.items() for condition in before):
        body = {"status": {"conditions": [told]}}
        yield _merge(AUTOSCALER, item, body, "status")


def _scale(deployment: Object, replicas: int) -> Iterator[Request]:
    if deployment["spec"]["replicas"] != replicas:
        yield _merge(DEPLOYMENT, deployment, {"spec": {"replicas": replicas}}, "scale")


def _merge(kind: Kind, item: Object, patch: Object, subresource: str = "") -> Request:
    return Request("PATCH", kind.path(*name_of(item), subresource), _BY, patch, MERGE_TYPE)
