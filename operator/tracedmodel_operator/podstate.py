"""What a pod tells: where it runs, how its container ended, and why it cannot start."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tracedmodel_api import conditions as c
from tracedmodel_api.report import BY_EXIT_CODE, REASONS, Class, Report
from tracedmodel_operator.names import ARTIFACT, JOB_NAME, JOB_UID, TEMPLATE

Object = Mapping[str, Any]

_SIGNALLED = 128
_OUT_OF_MEMORY = "OOMKilled"
_PULLING = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"}
_CREATING = {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}
_NEURON = "Insufficient aws.amazon.com/neuron"


@dataclass(frozen=True)
class PodEnd:
    """How a container ended: its exit code, the kubelet's word for it, and its report if it left one.

    The code is None where the cluster took the pod away before its container could tell.
    """

    exit_code: int | None
    word: str
    report: Report | None = None
    message: str = ""
    memory: str = ""
    """The memory that it was allowed, as its pod spells it."""

    def reason(self) -> str:
        """Return the reason of the report, of the exit code, or the kubelet's."""
        if self.word == _OUT_OF_MEMORY:
            return c.OUT_OF_MEMORY
        if self.report and self.report.reason:
            return self.report.reason
        known = BY_EXIT_CODE.get(self.exit_code or 0)
        return known.name if known else self.word or "Error"

    def sentence(self) -> str:
        """Return what the container said, or what its exit code means."""
        if self.word == _OUT_OF_MEMORY:
            had = f": it had {self.memory}" if self.memory else ""
            return f"killed for want of memory{had}; give it more"
        if self.report and self.report.message:
            return self.report.message
        if self.exit_code is None:
            return self.message or self.word
        known = BY_EXIT_CODE.get(self.exit_code)
        if known:
            return known.meaning
        if self.exit_code > _SIGNALLED:
            return f"exit code {self.exit_code}: killed by signal {self.exit_code - _SIGNALLED}"
        last = self.message.strip().rpartition("\n")[2]
        return f"exit code {self.exit_code}" + (f": {last}" if last else "")

    def is_terminal(self) -> bool:
        """Tell whether the same input would end so again."""
        reason = self.reason()
        known = REASONS.get(reason)
        return reason == c.OUT_OF_MEMORY or (
            known is not None and known.failure_class is Class.TERMINAL
        )


@dataclass(frozen=True)
class Trouble:
    """Why a pod does not start, in a word and in the scheduler's or the kubelet's sentence."""

    reason: str
    message: str


@dataclass(frozen=True)
class Pod:
    """A pod of an exporter Job or of the serving Deployment."""

    name: str
    node: str = ""
    address: str = ""
    job: str = ""
    job_uid: str = ""
    artifact: str = ""
    template: str = ""
    """Digest of the template of its Deployment that it was made from."""
    ready: bool = False
    end: PodEnd | None = None
    """How its container ended last."""
    endings: int = 0
    """How many times its container ended."""
    trouble: Trouble | None = None


def read_pod(item: Object) -> Pod:
    """Return what a Kubernetes Pod tells."""
    metadata, status = item["metadata"], item.get("status") or {}
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    container: Object = next(iter(status.get("containerStatuses") or ()), {})
    end = _end(item, container, "state") or _end(item, container, "lastState")
    running = "running" in (container.get("state") or {})
    return Pod(
        name=metadata["name"],
        node=(item.get("spec") or {}).get("nodeName") or "",
        address=status.get("podIP") or "",
        job=labels.get(JOB_NAME, ""),
        job_uid=labels.get(JOB_UID, ""),
        artifact=annotations.get(ARTIFACT, ""),
        template=annotations.get(TEMPLATE, ""),
        ready=any(_is(condition, "Ready", "True") for condition in _conditions(status)),
        end=end or _taken_away(status),
        endings=_endings(container, end, running=running),
        trouble=_trouble(status, container),
    )


def _conditions(status: Object) -> Iterator[Object]:
    yield from status.get("conditions") or ()


def _is(condition: Object, kind: str, status: str) -> bool:
    return bool(condition["type"] == kind and condition["status"] == status)


def _end(item: Object, container: Object, field: str) -> PodEnd | None:
    """Return how the container ended, from its ``state`` or ``lastState``."""
    ended = (container.get(field) or {}).get("terminated")
    if not ended:
        return None
    message = ended.get("message") or ""
    word = ended.get("reason") or ""
    return PodEnd(ended["exitCode"], word, Report.parse(message), message, _memory(item))


def _endings(container: Object, end: PodEnd | None, *, running: bool) -> int:
    # A restart is counted when the next run begins; until then the last end is told by the state alone.
    restarts: int = container.get("restartCount") or 0
    return restarts if end is None or running else restarts + 1


def _memory(item: Object) -> str:
    containers = (item.get("spec") or {}).get("containers") or [{}]
    limits = (containers[0].get("resources") or {}).get("limits") or {}
    return str(limits.get("memory") or "")


def _taken_away(status: Object) -> PodEnd | None:
    """Return the end of a pod that the cluster ended before its container could tell, as an eviction does."""
    if status.get("phase") != "Failed":
        return None
    word = status.get("reason") or "Failed"
    return PodEnd(None, word, message=status.get("message") or "")


def _trouble(status: Object, container: Object) -> Trouble | None:
    for condition in _conditions(status):
        if _is(condition, "PodScheduled", "False") and condition.get("reason") == "Unschedulable":
            words = condition.get("message") or "no node takes the pod"
            told = f"no NeuronCore is free: {words}" if _NEURON in words else words
            return Trouble(c.UNSCHEDULABLE, told)
    waiting = (container.get("state") or {}).get("waiting") or {}
    word, message = waiting.get("reason") or "", waiting.get("message") or ""
    if word in _PULLING:
        return Trouble(c.IMAGE_NOT_PULLED, f"{word}: {message or container.get('image', '')}")
    if word in _CREATING:
        return Trouble(c.CONTAINER_NOT_CREATED, f"{word}: {message}")
    return None
