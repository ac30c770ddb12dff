"""One frozen snapshot of a resource's children, read from Kubernetes objects as they come from an API server."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from pydantic import ValidationError

from tracedmodel_api.manifest import Index
from tracedmodel_api.report import BY_EXIT_CODE, Report
from tracedmodel_operator.names import ARTIFACT, ATTEMPT, FINGERPRINT, JOB_NAME, REQUEST

Object = Mapping[str, Any]


_SIGNALLED = 128
_HINTS = {9: ", as the kernel does when memory is out"}


class JobState(Enum):
    """What became of an exporter Job."""

    ACTIVE = "active"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True)
class PodEnd:
    """How a container ended: its exit code, the kubelet's word for it, and its report if it left one."""

    exit_code: int
    word: str
    report: Report | None
    message: str

    def reason(self) -> str:
        """Return the reason of the report, of the exit code, or the kubelet's."""
        if self.report and self.report.reason:
            return self.report.reason
        known = BY_EXIT_CODE.get(self.exit_code)
        return known.name if known else self.word or "Error"

    def sentence(self) -> str:
        """Return what the container said, or what its exit code means."""
        if self.report and self.report.message:
            return self.report.message
        known = BY_EXIT_CODE.get(self.exit_code)
        if known:
            return known.meaning
        if self.exit_code > _SIGNALLED:
            number = self.exit_code - _SIGNALLED
            return f"exit code {self.exit_code}: killed by signal {number}{_HINTS.get(number, '')}"
        last = self.message.strip().rpartition("\n")[2]
        return f"exit code {self.exit_code}" + (f": {last}" if last else "")


@dataclass(frozen=True)
class ExportJob:
    """An exporter Job and how its pods ended."""

    name: str
    fingerprint: str
    request: str
    attempt: int
    state: JobState
    ends: tuple[PodEnd, ...]
    finished: datetime | None

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
    created: str


@dataclass(frozen=True)
class Serving:
    """The serving Deployment, and how its newest failed container ended."""

    artifact: str
    current: bool
    wanted: int
    replicas: int
    updated: int
    ready: int
    available: int
    deadline_exceeded: bool
    failure: PodEnd | None


@dataclass(frozen=True)
class Observation:
    """All that is known of a resource's children at one moment."""

    now: datetime
    jobs: tuple[ExportJob, ...] = ()
    indexes: tuple[KeptIndex, ...] = ()
    serving: Serving | None = None

    def latest_job(self, request: str) -> ExportJob | None:
        """Return the last attempt at this very request."""
        attempts = [job for job in self.jobs if job.request == request]
        return max(attempts, key=lambda job: job.attempt, default=None)

    def attempts(self, fingerprint: str) -> int:
        """Return the highest number of a Job for a base fingerprint."""
        return max((job.attempt for job in self.jobs if job.fingerprint == fingerprint), default=0)


def observe(objects: Iterable[Object], now: datetime) -> Observation:
    """Return the snapshot of the Jobs, Pods, ConfigMaps and Deployment of one resource."""
    by_kind: dict[str, list[Object]] = {}
    for item in objects:
        by_kind.setdefault(item["kind"], []).append(item)
    pods = by_kind.get("Pod", [])
    jobs = tuple(_job(job, pods) for job in by_kind.get("Job", []))
    indexes = (_index(item) for item in by_kind.get("ConfigMap", []))
    deployments = by_kind.get("Deployment", [])
    return Observation(
        now,
        jobs,
        tuple(index for index in indexes if index),
        _serving(deployments[0], pods) if deployments else None,
    )


def _annotations(item: Object) -> Mapping[str, str]:
    return item["metadata"].get("annotations") or {}


def _condition(item: Object, kind: str) -> Mapping[str, Any] | None:
    conditions = (item.get("status") or {}).get("conditions") or []
    return next((c for c in conditions if c["type"] == kind and c["status"] == "True"), None)


def _job(job: Object, pods: list[Object]) -> ExportJob:
    done, failed = _condition(job, "Complete"), _condition(job, "Failed")
    state = JobState.SUCCEEDED if done else JobState.FAILED if failed else JobState.ACTIVE
    ended = done or failed
    name = job["metadata"]["name"]
    own = [pod for pod in pods if (pod["metadata"].get("labels") or {}).get(JOB_NAME) == name]
    ends = (_end(pod, "state") for pod in own)
    return ExportJob(
        name,
        _annotations(job).get(FINGERPRINT, ""),
        _annotations(job).get(REQUEST, ""),
        int(_annotations(job).get(ATTEMPT, "1")),
        state,
        tuple(end for end in ends if end),
        _moment(ended.get("lastTransitionTime")) if ended else None,
    )


def _moment(text: str | None) -> datetime | None:
    # Python 3.10 does not read the Z of Kubernetes.
    return datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None


def _end(pod: Object, field: str) -> PodEnd | None:
    """Return how the pod's container ended, from its ``state`` or ``lastState``."""
    for container in (pod.get("status") or {}).get("containerStatuses") or []:
        ended = (container.get(field) or {}).get("terminated")
        if ended:
            message = ended.get("message") or ""
            report = Report.parse(message)
            return PodEnd(ended["exitCode"], ended.get("reason") or "", report, message)
    return None


def _index(item: Object) -> KeptIndex | None:
    """Return the index in a ConfigMap, or None where another version of the operator wrote it."""
    data = item.get("data") or {}
    try:
        index = Index.model_validate(json.loads(data["index.json"]))
    except (KeyError, ValueError, ValidationError):
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
        metadata.get("creationTimestamp") or "",
    )


def _serving(deployment: Object, pods: list[Object]) -> Serving:
    metadata, spec = deployment["metadata"], deployment["spec"]
    status = deployment.get("status") or {}
    conditions = status.get("conditions") or []
    template = spec["template"]["metadata"]
    return Serving(
        artifact=(template.get("annotations") or {}).get(ARTIFACT, ""),
        current=status.get("observedGeneration", 0) >= metadata.get("generation", 0),
        wanted=spec.get("replicas", 1),
        replicas=status.get("replicas", 0),
        updated=status.get("updatedReplicas", 0),
        ready=status.get("readyReplicas", 0),
        available=status.get("availableReplicas", 0),
        deadline_exceeded=any(c.get("reason") == "ProgressDeadlineExceeded" for c in conditions),
        failure=_server_failure(pods, template),
    )


def _server_failure(pods: list[Object], template: Object) -> PodEnd | None:
    """Return how a server of this template ended that never came up."""
    wanted = (template.get("annotations") or {}).get(ARTIFACT)
    for pod in pods:
        if _annotations(pod).get(ARTIFACT) != wanted or wanted is None:
            continue
        end = _end(pod, "state") or _end(pod, "lastState")
        if end and end.exit_code != 0:
            return end
    return None
