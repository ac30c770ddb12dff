"""Builders for the operator's tests: each makes a valid thing, and a test names only what it cares about."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pods
from tracedmodel_api.buckets import Bucket
from tracedmodel_api.report import Report, Row
from tracedmodel_api.status import Status
from tracedmodel_api.types import TracedModel
from tracedmodel_operator.observe import Observation, Refusal, observe
from tracedmodel_operator.plan import Plan, make_plan
from tracedmodel_operator.project import project
from tracedmodel_operator.settings import Settings
from tracedmodel_operator.status import make_status
from tracedmodel_operator.stores import StoreRef

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
COMMIT = "c9745ed1d9f207416be6d2e6f8de32d1f16199bf"
SETTINGS = Settings(default_store_url="s3://models/{namespace}")
STORE = StoreRef("s3://models/search", "s3://models/search")


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return ``base`` with dictionaries changed by key; None takes a key away."""
    result = dict(base)
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result


def resource(
    spec: dict[str, Any] | None = None,
    status: Status | None = None,
    **metadata: Any,
) -> TracedModel:
    """Return a TracedModel with two buckets on CPUs, changed as asked."""
    document = {
        "apiVersion": "tracedmodel.dev/v1alpha1",
        "kind": "TracedModel",
        "metadata": {
            "name": "minilm",
            "namespace": "search",
            "uid": "u-1",
            "generation": 3,
            **metadata,
        },
        "spec": merged(
            {
                "model": {
                    "source": "hf://acme/minilm",
                    "revision": COMMIT,
                    "task": "FeatureExtraction",
                },
                "target": "CPU",
                "export": {
                    "buckets": [
                        {"batchSize": 1, "sequenceLength": 32},
                        {"batchSize": 8, "sequenceLength": 128},
                    ]
                },
            },
            spec or {},
        ),
    }
    parsed = TracedModel.model_validate(document)
    return parsed.model_copy(update={"status": status}) if status else parsed


def row(bucket: Bucket, **changes: Any) -> Row:
    """Return a report row of a bucket; its digest follows from the bucket."""
    digest = f"{bucket.batch_size:02x}{bucket.sequence_length:04x}".ljust(64, "a")
    figures = {
        "size": 230000,
        "error": 1e-6,
        "agreement": 1.0,
        "p50": 5000,
        "p99": 6000,
        "eager_p50": 8000,
    }
    return Row(bucket, **{"digest": digest, **figures, **changes})


def report(*buckets: Bucket, **changes: Any) -> Report:
    """Return the report of a successful export."""
    chosen = buckets or (Bucket(1, 32), Bucket(8, 128))
    files = (("model.json", "b" * 64), ("tokenizer.json", "c" * 64))
    fields = {
        "rows": tuple(map(row, chosen)),
        "revision": COMMIT,
        "parameters": 22_000_000,
        "files": files,
    }
    return Report(**{**fields, **changes})


def failed(reason: str, message: str = "because") -> Report:
    """Return the report of a failed export."""
    return Report(reason=reason, message=message)


class World:
    """The children of one resource, as objects of an API server, and the operator's pure core run on them."""

    def __init__(self, wanted: TracedModel | None = None, settings: Settings = SETTINGS) -> None:
        self.resource = wanted or resource()
        self.settings = settings
        self.now = NOW
        self.objects: dict[tuple[str, str], dict[str, Any]] = {}
        self.deleted: list[tuple[str, str]] = []
        self.refusals: tuple[Refusal, ...] = ()
        self.rollouts_elsewhere = 0
        self.plan = Plan()

    def observe(self) -> Observation:
        """Return the snapshot, made of what the operator keeps of the objects."""
        observation = observe(map(project, self.objects.values()), self.now)
        return replace(
            observation, refusals=self.refusals, rollouts_elsewhere=self.rollouts_elsewhere
        )

    def turn(self) -> Plan:
        """Plan, write the status, and carry the plan out, as the operator does."""
        observation = self.observe()
        self.plan = make_plan(self.resource, observation, self.settings)
        if self.plan.listen:
            observation = observation.heard(self.plan.listen)
            self.plan = make_plan(self.resource, observation, self.settings)
        status = make_status(self.resource, observation, self.plan)
        self.resource = self.resource.model_copy(update={"status": status})
        for key in self.plan.delete:
            self.objects.pop(key, None)
            self.deleted.append(key)
        for child in (*self.plan.create, *self.plan.apply):
            self._apply(dict(child))
        for name in self.plan.expire:
            self.objects["Job", name]["spec"]["ttlSecondsAfterFinished"] = 1
        self._scale()
        return self.plan

    def _scale(self) -> None:
        deployment = self.objects.get(("Deployment", self.resource.metadata.name))
        wanted = self.plan.replicas
        if deployment and wanted is not None and deployment["spec"]["replicas"] != wanted:
            deployment["spec"] = {**deployment["spec"], "replicas": wanted}
            deployment["metadata"]["generation"] += 1

    def settle(self) -> Plan:
        """Turn until nothing changes."""
        before = None
        while before != (before := (self.objects.keys() | set(), self.resource.status)):
            self.turn()
        return self.plan

    def _apply(self, child: dict[str, Any]) -> None:
        key = (child["kind"], child["metadata"]["name"])
        old = self.objects.get(key, {})
        made = old.get("metadata", {}).get("creationTimestamp") or self.now.isoformat()
        child["metadata"] = {**child["metadata"], "creationTimestamp": made}
        if child["kind"] == "Deployment":
            replicas = old.get("spec", {}).get("replicas", 1)
            child["spec"] = {**child["spec"], "replicas": replicas}
        generation = old.get("metadata", {}).get("generation", 0)
        changed = child.get("spec") != old.get("spec")
        child["metadata"]["generation"] = generation + changed
        if "status" in old:
            child["status"] = old["status"]
        self.objects[key] = child

    def edit(self, spec: dict[str, Any], **metadata: Any) -> None:
        """Change the spec as a user would."""
        document = self.resource.model_dump(mode="json", by_alias=True, exclude_none=True)
        generation = self.resource.metadata.generation + 1
        document["metadata"] |= {"generation": generation, **metadata}
        document["spec"] = merged(document["spec"], spec)
        self.resource = TracedModel.model_validate(document)

    def job(self) -> dict[str, Any]:
        """Return the Job that runs."""
        (job,) = [o for (kind, _), o in self.objects.items() if kind == "Job" and "status" not in o]
        return job

    def jobs(self) -> list[str]:
        """Return the names of the Jobs, the first attempt first."""
        return sorted(name for kind, name in self.objects if kind == "Job")

    def finish(self, *ends: pods.End) -> None:
        """End the newest Job with a report a pod, or with an exit code and the kubelet's word."""
        for number, end in enumerate(ends):
            status = {"containerStatuses": [{"state": pods.terminated(end)}]}
            self.export_pod(status, number)
        self.end_job("Failed" if not ends or any(map(pods.exit_code, ends)) else "Complete")

    def end_job(self, kind: str, **told: Any) -> None:
        """Give the newest Job the condition that says how it ended."""
        moment = self.now.isoformat().replace("+00:00", "Z")
        condition = {"type": kind, "status": "True", "lastTransitionTime": moment, **told}
        self.job()["status"] = {"conditions": [condition]}

    def export_pod(self, status: dict[str, Any], number: int = 0) -> None:
        """Give the newest Job a pod."""
        job = self.job()
        name = f"{job['metadata']['name']}-{number}"
        self.objects["Pod", name] = pods.of_job(job, name, status)

    def deployment(self) -> dict[str, Any]:
        """Return the Deployment."""
        return self.objects["Deployment", self.resource.metadata.name]

    def serve(self, ready: int = 1, **status: Any) -> None:
        """Bring the Deployment's pods up."""
        deployment = self.deployment()
        wanted = deployment["spec"]["replicas"]
        counts = {
            "replicas": wanted,
            "updatedReplicas": wanted,
            "readyReplicas": ready,
            "availableReplicas": ready,
        }
        counts["observedGeneration"] = deployment["metadata"]["generation"]
        deployment["status"] = {**counts, **status}

    def crash(self, end: pods.End, times: int = 1, node: str = "node-1") -> None:
        """End a server of the Deployment's template on a node, so many times."""
        self.server_pod(pods.crashed(end, times), node)

    def server_pod(self, status: dict[str, Any], node: str = "node-1") -> None:
        """Give the Deployment's template a pod on a node."""
        name = f"server-{node}"
        self.objects["Pod", name] = pods.of_deployment(self.deployment(), name, node, status)

    def later(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)

    def conditions(self) -> dict[str, str]:
        """Return the reasons of the true conditions, and of the false ones with an exclamation mark before."""
        return {
            c.type: c.reason if c.status == "True" else f"!{c.reason}"
            for c in self.resource.status.conditions
        }
