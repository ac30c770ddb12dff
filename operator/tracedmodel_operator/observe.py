"""One frozen snapshot of a resource's children, read from Kubernetes objects as they come from an API server."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from pydantic import ValidationError

from tracedmodel_api import conditions as c
from tracedmodel_api.manifest import Index
from tracedmodel_api.report import Report
from tracedmodel_operator.blindness import blindness
from tracedmodel_operator.kinds import AUTOSCALER, SCALED_OBJECT
from tracedmodel_operator.moments import read
from tracedmodel_operator.names import (
    ARTIFACT,
    ATTEMPT,
    FINGERPRINT,
    MODEL,
    REQUEST,
    STORE,
    TEMPLATE,
    ChildKey,
)
from tracedmodel_operator.podstate import Pod, PodEnd, Trouble, read_pod
from tracedmodel_operator.stores import StoreRef

Object = Mapping[str, Any]
_PODLESS_SECONDS = 60
"""Kubernetes makes the pods of a Job within a second or two, if they are let in."""


class JobState(Enum):
    """What became of an exporter Job."""

    ACTIVE = "active"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True)
class ExportJob:
    """An exporter Job and what its pods told."""

    name: str
    fingerprint: str
    request: str
    attempt: int
    state: JobState
    ends: tuple[PodEnd, ...] = ()
    finished: datetime | None = None
    word: str = ""
    """Kubernetes' reason for its end, such as DeadlineExceeded."""
    sentence: str = ""
    unheard: int = 0
    """Pods that ended, by the Job's own count, and whose ends are not seen."""
    trouble: Trouble | None = None
    expires: bool = False
    """Whether Kubernetes will remove it by itself."""
    leaving: bool = False
    """Whether it is being deleted."""
    podless_at: datetime | None = None
    """When it is told that it has no pod, if it gets none before."""

    def reports(self) -> tuple[Report, ...]:
        """Return the reports of the pods that succeeded."""
        return tuple(end.report for end in self.ends if end.report and end.exit_code == 0)


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
        tuple(_job(job, pods, now) for job in by_kind.get("Job", [])),
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


def _annotations(item: Object) -> Mapping[str, str]:
    return item["metadata"].get("annotations") or {}


def _condition(item: Object, kind: str) -> Object | None:
    conditions = (item.get("status") or {}).get("conditions") or []
    return next((c for c in conditions if c["type"] == kind and c["status"] == "True"), None)


def _job(job: Object, pods: tuple[Pod, ...], now: datetime) -> ExportJob:
    done, failed = _condition(job, "Complete"), _condition(job, "Failed")
    state = JobState.SUCCEEDED if done else JobState.FAILED if failed else JobState.ACTIVE
    ended = done or failed or {}
    metadata = job["metadata"]
    own = [pod for pod in pods if _belongs(pod, metadata)]
    ends = tuple(pod.end for pod in own if pod.end)
    made = read(metadata.get("creationTimestamp"))
    podless = state is JobState.ACTIVE and not own and not _ended_pods(job) and made is not None
    podless_at = made + timedelta(seconds=_PODLESS_SECONDS) if podless and made else None
    return ExportJob(
        metadata["name"],
        _annotations(job).get(FINGERPRINT, ""),
        _annotations(job).get(REQUEST, ""),
        _number(_annotations(job).get(ATTEMPT)),
        state,
        ends,
        read(ended.get("lastTransitionTime")),
        ended.get("reason") or "",
        ended.get("message") or "",
        max(0, _ended_pods(job) - len(ends)),
        next((pod.trouble for pod in own if pod.trouble), None)
        or _podless(metadata["name"], podless_at, now),
        (job.get("spec") or {}).get("ttlSecondsAfterFinished") is not None,
        bool(metadata.get("deletionTimestamp")),
        podless_at,
    )


def _podless(name: str, at: datetime | None, now: datetime) -> Trouble | None:
    """Return that a Job gets no pod: Kubernetes says why in an event alone, which is not read here."""
    if at is None or now < at:
        return None
    message = (
        f"Kubernetes made no pod of Job {name} within {_PODLESS_SECONDS} s: a quota or an admission rule may keep "
        f"it out; `kubectl describe job {name}` says"
    )
    return Trouble(c.PODS_NOT_CREATED, message)


def _number(text: str | None) -> int:
    # Annotations can be edited by hand.
    return int(text) if text and text.isdecimal() else 1


def _belongs(pod: Pod, job: Object) -> bool:
    # A Job made anew has the name of the old one, whose pods may still be there.
    known = bool(pod.job_uid and job.get("uid"))
    return pod.job == job["name"] and (not known or pod.job_uid == job["uid"])


def _ended_pods(job: Object) -> int:
    status = job.get("status") or {}
    return int(status.get("succeeded") or 0) + int(status.get("failed") or 0)


def _index(item: Object) -> KeptIndex | None:
    """Return the index in a ConfigMap, or None where another version of the operator wrote it."""
    data = item.get("data") or {}
    try:
        index = Index.model_validate(json.loads(data["index.json"]))
        store = StoreRef(**json.loads(_annotations(item)[STORE]))
    except (KeyError, TypeError, ValueError, ValidationError):
        return None
    report = Report.parse(data.get("report.json", ""))
    metadata = item["metadata"]
    if report is None:
        return None
    return KeptIndex(
        metadata["name"],
        index.identity(),
        _annotations(item).get(FINGERPRINT, ""),
        index,
        report,
        store,
        metadata.get("creationTimestamp") or "",
    )


def _serving(deployment: Object, pods: tuple[Pod, ...]) -> Serving:
    metadata, spec = deployment["metadata"], deployment["spec"]
    status = deployment.get("status") or {}
    conditions = status.get("conditions") or []
    refused = _condition(deployment, "ReplicaFailure") or {}
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
