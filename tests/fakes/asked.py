"""What a resource asks for, and whether that is so: judged by the cluster, not by what the operator thinks."""

from __future__ import annotations

import json
from typing import Any

from moods import Exporters, artifact_of, graph_digest
from tracedmodel_api.manifest import Index
from tracedmodel_api.request import ExportRequest, base_fingerprint, export_request
from tracedmodel_api.types import TracedModel, is_commit
from tracedmodel_operator.names import TEMPLATE
from tracedmodel_operator.reconcile import read
from tracedmodel_operator.settings import Settings
from tracedmodel_operator.stores import store_of

Object = dict[str, Any]


def request_for(item: Object, settings: Settings) -> tuple[TracedModel, ExportRequest]:
    """Return a resource as it is read, and the export that it asks for."""
    resource = read(item)
    store = store_of(resource, settings)
    assert not isinstance(store, str)
    base = base_fingerprint(resource, store.identity)
    request = export_request(resource, store.url)
    return resource, request.model_copy(update={"base_fingerprint": base})


def wanted_graphs(item: Object, settings: Settings, exporters: Exporters) -> list[set[str]]:
    """Return the graphs that a resource asks for, by each commit that its revision ever meant."""
    resource, request = request_for(item, settings)
    floats = not is_commit(request.revision)
    heads = exporters.heads if floats else [request.revision]
    return [{graph_digest(request, h, b) for b in resource.buckets()} for h in heads]


def index_in(config_map: Object) -> Index:
    """Return the index that a ConfigMap keeps."""
    return Index.model_validate(json.loads(config_map["data"]["index.json"]))


def is_scaled(item: Object) -> bool:
    """Tell whether a resource leaves its replicas to an autoscaler."""
    return bool(item["spec"]["serving"].get("autoscaling"))


def rolled_out(deployment: Object) -> bool:
    """Tell whether a Deployment's status says that all its pods are of its template and up."""
    status, wanted = deployment.get("status") or {}, deployment["spec"]["replicas"]
    counts = ("replicas", "updatedReplicas", "availableReplicas")
    seen = status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
    return seen and all(status.get(count, 0) == wanted for count in counts)


def surges(item: Object, deployment: Object) -> bool:
    """Tell whether a resource and its Deployment agree that no pod goes before its successor is up."""
    strategy = item["spec"]["serving"].get("rollout", {}).get("strategy", "Surge")
    return strategy == "Surge" and bool(deployment["spec"]["strategy"]["rollingUpdate"]["maxSurge"])


def is_served(item: Object, deployment: Object | None) -> None:
    """Check that a Deployment serves what the status of a resource names, with as many pods as it asks for."""
    assert item["status"]["observedGeneration"] == item["metadata"]["generation"]
    assert deployment
    assert artifact_of(deployment) == item["status"]["artifact"]["digest"]
    if is_scaled(item):
        # More may be on their way at any time.
        assert (deployment.get("status") or {}).get("availableReplicas", 0)
        return
    assert rolled_out(deployment)
    assert deployment["spec"]["replicas"] == item["spec"]["serving"].get("replicas", 1)


def is_true(status: Object, kind: str) -> bool:
    """Tell whether a condition stands and is true."""
    found = {c["type"]: c["status"] for c in status.get("conditions") or ()}
    return found.get(kind) == "True"


def template_of(item: Object | None) -> str:
    """Return the stamp of a Deployment's template or a pod's."""
    annotations = item["metadata"].get("annotations") if item else None
    return str((annotations or {}).get(TEMPLATE, ""))


def conditions_are_legal(status: Object, before: Object) -> None:
    """Check the conditions by themselves, and their times against those of the status before."""
    conditions = {c["type"]: c for c in status["conditions"]}
    assert len(conditions) == len(status["conditions"])
    assert {"Ready", "Exported", "Available"} <= set(conditions)
    assert not {"Reconciling", "Stalled"} <= set(conditions)
    old = {c["type"]: c for c in before.get("conditions") or ()}
    for kind, condition in conditions.items():
        assert condition["reason"]
        assert condition["message"]
        assert condition["observedGeneration"] == status["observedGeneration"]
        kept = old.get(kind, {"status": None})
        if kept["status"] == condition["status"]:
            assert kept["lastTransitionTime"] == condition["lastTransitionTime"]


def generations_only_grow(item: Object, before: Object) -> None:
    """Check that no generation is observed that is not there, or that is older than one observed before."""
    observed = item["status"]["observedGeneration"]
    assert before.get("observedGeneration", -1) <= observed <= item["metadata"]["generation"]
