"""One frozen snapshot of a resource's children, read from Kubernetes objects as they come from an API server."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from tracedmodel_api.manifest import Index
from tracedmodel_api.report import Report
from tracedmodel_operator.blindness import blindness
from tracedmodel_operator.jobs import ExportJob, annotations_of, condition_of, read_job
from tracedmodel_operator.kinds import AUTOSCALER, SCALED_OBJECT
from tracedmodel_operator.names import (
    ARTIFACT,
    FINGERPRINT,
    MODEL,
    STORE,
    TEMPLATE,
    ChildKey,
)
from tracedmodel_operator.podstate import Pod, Trouble, read_pod
from tracedmodel_operator.stores import StoreRef

Object = Mapping[str, Any]


@dataclass(frozen=True)
class KeptIndex:
    """An artifact whose index stands in a ConfigMap."""

    name: str
    digest: str
    fingerprint: str
    index: Index
    report: Report
    store: StoreRef
    created: str


@dataclass(frozen=True)
class Serving:
    """The serving Deployment, and its pods."""

    artifact: str
    template: str
    """Digest of the pods' template, by which those are told apart that it replaces."""
    current: bool
    wanted: int
    replicas: int
    updated: int
    ready: int
    available: int
    deadline_exceeded: bool
    refused: str = ""
    """Why its pods are not let in, such as a quota."""
    pods: tuple[Pod, ...] = ()

    def settled(self) -> bool:
        """Tell whether every wanted replica is of the newest template and available."""
        even = self.replicas == self.updated == self.wanted
        return self.current and even and self.available >= self.wanted

    def rolled_out(self, least: int | None) -> bool:
        """Tell whether all replicas are of the newest template and enough are available; None: all that are wanted.

        An autoscaler may ask for more at any time, and wait minutes for their nodes. While the Deployment's own
        counts are those of before, the pods tell.
        """
        if least is None:
            return self.settled()
        enough = min(least, self.wanted)
        if self.current:
            return self.replicas == self.updated and self.available >= enough
        own = self.own_pods()
        return len(own) == len(self.pods) and sum(pod.ready for pod in own) >= enough

    def own_pods(self) -> tuple[Pod, ...]:
        """Return the pods of the Deployment's newest template."""
        return tuple(pod for pod in self.pods if pod.template == self.template)


@dataclass(frozen=True)
class Refusal:
    """A child that the API server did not take, and its sentence."""

    child: ChildKey
    reason: str
    message: str


@dataclass(frozen=True)
class Observation:
    """All that is known of a resource's children at one moment."""

    now: datetime
    jobs: tuple[ExportJob, ...] = ()
    indexes: tuple[KeptIndex, ...] = ()
    serving: Serving | None = None
    live: Mapping[ChildKey, Object] = field(default_factory=dict)
    """The children as they are."""
    blind: Trouble | None = None
    """Why an autoscaler does not know the load."""
    refusals: tuple[Refusal, ...] = ()
    rollouts_elsewhere: int = 0
    """Other resources whose serving pods are being replaced."""

    def latest_job(self, request: str) -> ExportJob | None:
        """Return the last attempt at this very request."""
        attempts = [job for job in self.jobs if job.request == request]
        return max(attempts, key=lambda job: job.attempt, default=None)

    def attempts(self, fingerprint: str) -> int:
        """Return the highest number of a Job for a base fingerprint."""
        return max((job.attempt for job in self.jobs if job.fingerprint == fingerprint), default=0)

    def heard(self, job_name: str) -> Observation:
        """Return this with nothing more to be heard of a Job: its pods were read, and are gone."""
        jobs = tuple(replace(job, unheard=0) if job.name == job_name else job for job in self.jobs)
        return replace(self, jobs=jobs)


def observe(objects: Iterable[Object], now: datetime) -> Observation:
    """Return the snapshot of the children of one resource."""
    by_kind: dict[str, list[Object]] = {}
    for item in objects:
        by_kind.setdefault(item["kind"], []).append(item)
    pods = tuple(read_pod(pod) for pod in by_kind.pop("Pod", []))
    live = {(i["kind"], i["metadata"]["name"]): i for items in by_kind.values() for i in items}
    indexes = (_index(item) for item in by_kind.get("ConfigMap", []))
    deployments = [item for item in by_kind.get("Deployment", []) if _bears_the_name(item)]
    return Observation(
        now,
        tuple(read_job(job, pods, now) for job in by_kind.get("Job", [])),
        tuple(index for index in indexes if index),
        _serving(deployments[0], pods) if deployments else None,
        live,
        blindness(by_kind.get(SCALED_OBJECT.name, []) + by_kind.get(AUTOSCALER.name, [])),
    )


def _bears_the_name(item: Object) -> bool:
    """Tell whether an object has the name of its resource; another may carry the labels by mistake."""
    metadata = item["metadata"]
    owners = {owner["name"] for owner in metadata.get("ownerReferences") or ()}
    return metadata["name"] in owners | {(metadata.get("labels") or {}).get(MODEL)}


def _index(item: Object) -> KeptIndex | None:
    """Return the index in a ConfigMap, or None where another version of the operator wrote it."""
    data = item.get("data") or {}
    try:
        index = Index.model_validate(json.loads(data["index.json"]))
        store = StoreRef(**json.loads(annotations_of(item)[STORE]))
    except (KeyError, TypeError, ValueError, ValidationError):
        return None
    report = Report.parse(data.get("report.json", ""))
    metadata = item["metadata"]
    if report is None:
        return None
    return KeptIndex(
        metadata["name"],
        index.identity(),
        annotations_of(item).get(FINGERPRINT, ""),
        index,
        report,
        store,
        metadata.get("creationTimestamp") or "",
    )


def _serving(deployment: Object, pods: tuple[Pod, ...]) -> Serving:
    metadata, spec = deployment["metadata"], deployment["spec"]
    status = deployment.get("status") or {}
    conditions = status.get("conditions") or []
    refused = condition_of(deployment, "ReplicaFailure") or {}
    template = spec["template"]["metadata"].get("annotations") or {}
    current = status.get("observedGeneration", 0) >= metadata.get("generation", 0)
    late = any(c.get("reason") == "ProgressDeadlineExceeded" for c in conditions)
    return Serving(
        artifact=template.get(ARTIFACT, ""),
        template=template.get(TEMPLATE, ""),
        current=current,
        wanted=spec.get("replicas", 1),
        replicas=status.get("replicas", 0),
        updated=status.get("updatedReplicas", 0),
        ready=status.get("readyReplicas", 0),
        available=status.get("availableReplicas", 0),
        deadline_exceeded=current and late,
        refused=(refused.get("message") or "") if current else "",
        pods=tuple(pod for pod in pods if pod.artifact),
    )
