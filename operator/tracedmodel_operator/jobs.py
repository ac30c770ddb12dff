"""What an exporter Job tells: how it stands, how its pods ended, and what keeps it from having any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from tracedmodel_api import conditions as c
from tracedmodel_api.report import Report
from tracedmodel_operator.moments import read
from tracedmodel_operator.names import ATTEMPT, FINGERPRINT, REQUEST
from tracedmodel_operator.podstate import Pod, PodEnd, Trouble

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


def annotations_of(item: Object) -> Mapping[str, str]:
    """Return an object's annotations."""
    return item["metadata"].get("annotations") or {}


def condition_of(item: Object, kind: str) -> Object | None:
    """Return an object's condition of a kind, if it is true."""
    conditions = (item.get("status") or {}).get("conditions") or []
    return next((c for c in conditions if c["type"] == kind and c["status"] == "True"), None)


def read_job(job: Object, pods: tuple[Pod, ...], now: datetime) -> ExportJob:
    """Return what a Kubernetes Job tells, and those of the pods that are its own."""
    done, failed = condition_of(job, "Complete"), condition_of(job, "Failed")
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
        annotations_of(job).get(FINGERPRINT, ""),
        annotations_of(job).get(REQUEST, ""),
        _number(annotations_of(job).get(ATTEMPT)),
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
