"""Children as the operator renders them, from a spec as a person writes it."""

from __future__ import annotations

from typing import Any

from resources import SETTINGS, report, resource, row
from tracedmodel_api.report import Report
from tracedmodel_api.request import export_request
from tracedmodel_api.types import Target, TracedModel
from tracedmodel_operator.artifacts import Artifact, compose
from tracedmodel_operator.render.budget import render_budget
from tracedmodel_operator.render.deployment import render_deployment
from tracedmodel_operator.render.index import render_index
from tracedmodel_operator.render.job import Launch, render_job
from tracedmodel_operator.render.replica import Replica
from tracedmodel_operator.render.service import render_service
from tracedmodel_operator.scaling import render_scaler
from tracedmodel_operator.settings import ScalingSettings, Settings
from tracedmodel_operator.stores import StoreRef, store_of

Document = dict[str, Any]

# A release changes the default images, and nothing else that is rendered.
PINNED = SETTINGS.with_(
    cpu=SETTINGS.cpu.model_copy(
        update={"exporter_image": "example.com/exporter", "server_image": "example.com/server"}
    ),
    inf1=SETTINGS.inf1.model_copy(
        update={
            "exporter_image": "example.com/exporter-inf1",
            "server_image": "example.com/server-inf1",
        }
    ),
)

CHIPS = PINNED.with_(neuron_resource="aws.amazon.com/neuron")
EXTENDED = PINNED.with_(neuron_scheduler_name="neuron-scheduler")
ADMINISTERED = PINNED.with_(
    image_pull_secrets=["registry"],
    cpu=PINNED.cpu.model_copy(
        update={
            "export_resources": {"cpu": "4000m", "memory": "8Gi", "ephemeral-storage": "51200Mi"},
            "export_node_selector": {"pool": "batch"},
            "export_tolerations": [{"key": "batch", "operator": "Exists"}],
            "node_selector": {"pool": "online"},
            "tolerations": [{"key": "online", "operator": "Exists"}],
            "priority_class_name": "online",
        }
    ),
)
CLAIMS: Document = {
    "model": {"source": "pvc://weights/minilm", "revision": None},
    "store": {"persistentVolumeClaimName": "artifacts"},
    "serviceAccountName": "reader",
    "serving": {"resources": {"cpu": "1000m", "memory": "1024Mi"}},
}
CREDENTIALS: Document = {
    "model": {"credentialsSecretName": "hub"},
    "store": {"url": "s3://models", "credentialsSecretName": "s3"},
}
SIXTEEN: Document = {
    "target": "Inf1",
    "serving": {"neuronCores": 16, "rollout": {"strategy": "InPlace"}},
}
SCALED: Document = {"serving": {"autoscaling": {"minReplicas": 2, "maxReplicas": 20}}}
FROM_ZERO: Document = {"serving": {"autoscaling": {"minReplicas": 0, "maxReplicas": 4}}}
BY_KEDA = PINNED.with_(
    autoscaling="KEDA",
    scaling=ScalingSettings(
        demand_query='sum(rate(requests_total{service="{name}",namespace="{namespace}"}[1m]))'
    ),
)
CASES: dict[str, tuple[str, Document, Settings]] = {
    "cpu-surge": ("on CPUs, by default", {}, PINNED),
    "cpu-claim": ("on CPUs, model and store on volumes", CLAIMS, PINNED),
    "cpu-administered": ("on CPUs, credentials, chosen nodes", CREDENTIALS, ADMINISTERED),
    "cpu-indexed": ("on CPUs, exported by two pods", {"export": {"parallelism": 2}}, PINNED),
    "inf1-core": ("on one NeuronCore", {"target": "Inf1"}, PINNED),
    "inf1-chip": (
        "on one chip, in a cluster that offers chips",
        {"target": "Inf1", "serving": {"neuronCores": 4}},
        CHIPS,
    ),
    "cpu-autoscaled": ("on CPUs, by their use", SCALED, PINNED),
    "cpu-from-zero": ("on CPUs, by KEDA, from zero", FROM_ZERO, BY_KEDA),
    "inf1-autoscaled": (
        "on NeuronCores, by their work",
        {"target": "Inf1", **SCALED},
        PINNED,
    ),
    "inf1-keda": (
        "on NeuronCores, by KEDA",
        {"target": "Inf1", **SCALED},
        BY_KEDA,
    ),
    "inf1-in-place": ("on 16 NeuronCores, in place, with Neuron's scheduler", SIXTEEN, EXTENDED),
}


def artifact(wanted: TracedModel, made: Report | None = None) -> Artifact:
    """Return what an export of a resource made; on Inf1 nothing was measured."""
    if made is None:
        inf1 = wanted.spec.target is Target.INF1
        unknown = ("error", "agreement", "p50", "p99", "eager_p50")
        figures = dict.fromkeys(unknown) | {"size": 240_000_000, "compiled_percent": 97}
        rows = tuple(row(bucket, **(figures if inf1 else {})) for bucket in wanted.buckets())
        made = report(rows=rows)
    return compose(wanted, "f" * 64, made, _store(wanted, PINNED))


def replica(
    spec: Document | None = None, settings: Settings = PINNED, made: Report | None = None
) -> Replica:
    """Return a replica of what a spec asks for."""
    wanted = resource(spec)
    return Replica(wanted, artifact(wanted, made), settings)


def job(
    spec: Document | None = None,
    settings: Settings = PINNED,
    attempt: int = 1,
    **metadata: Any,
) -> Document:
    """Return the Job that exports what a spec asks for."""
    wanted = resource(spec, **metadata)
    store = _store(wanted, settings)
    request = export_request(wanted, store.url)
    return render_job(wanted, Launch(request, store, "e" * 64, attempt), settings)


def deployment(
    spec: Document | None = None, settings: Settings = PINNED, **metadata: Any
) -> Document:
    """Return the Deployment that serves what a spec asks for."""
    wanted = resource(spec, **metadata)
    return render_deployment(wanted, artifact(wanted), _store(wanted, settings), settings)


def children(
    spec: Document | None = None, settings: Settings = PINNED, **metadata: Any
) -> list[Document]:
    """Return all children of a resource, the Deployment last."""
    wanted = resource(spec, **metadata)
    scaling = wanted.spec.serving.autoscaling
    return [
        job(spec, settings, **metadata),
        render_index(wanted, artifact(wanted)),
        render_service(wanted),
        render_budget(wanted),
        *([render_scaler(wanted, scaling, settings)] if scaling else []),
        deployment(spec, settings, **metadata),
    ]


def pod(child: Document) -> Document:
    """Return the pod that a Job or Deployment makes."""
    found: Document = child["spec"]["template"]["spec"]
    return found


def container(child: Document) -> Document:
    """Return its one container."""
    (found,) = pod(child)["containers"]
    return dict(found)


def variables(child: Document) -> dict[str, str]:
    """Return that container's variables."""
    return {variable["name"]: variable["value"] for variable in container(child)["env"]}


def _store(wanted: TracedModel, settings: Settings) -> StoreRef:
    store = store_of(wanted, settings)
    assert isinstance(store, StoreRef), store
    return store
