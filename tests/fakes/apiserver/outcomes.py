"""What becomes of containers: scripts for the controllers that the fake cluster plays."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tracedmodel_api.buckets import Bucket
from tracedmodel_api.report import REASONS, Report, Row
from tracedmodel_api.request import REQUEST_VARIABLE, ExportRequest

Object = dict[str, Any]
COMMIT = "c9745ed1d9f207416be6d2e6f8de32d1f16199bf"
_OUT_OF_MEMORY = 137


@dataclass(frozen=True)
class End:
    """How a container ended: its exit code, the kubelet's word for it, and its termination message."""

    code: int = 0
    word: str = "Completed"
    message: str = ""

    @classmethod
    def of(cls, report: Report) -> End:
        """Return the end of a process that left a report."""
        code = REASONS[report.reason].exit_code if report.reason else 0
        return cls(code, "Error" if code else "Completed", report.to_bytes().decode())

    @classmethod
    def failed(cls, reason: str, message: str = "because") -> End:
        """Return the end of a process that failed for a reason of the table."""
        return cls.of(Report(reason=reason, message=message))


OOM_KILLED = End(_OUT_OF_MEMORY, "OOMKilled")


@dataclass(frozen=True)
class Ends:
    """The pods end, one after the other in this order; the last end is that of all further pods."""

    ends: tuple[End, ...]

    def of(self, index: int) -> End:
        """Return the end of a pod."""
        return self.ends[min(index, len(self.ends) - 1)]


@dataclass(frozen=True)
class Runs:
    """The containers run; those of a Deployment are ready or not."""

    ready: bool = True


@dataclass(frozen=True)
class Waits:
    """The containers cannot start, as the kubelet says."""

    reason: str = "ImagePullBackOff"
    message: str = 'Back-off pulling image "nowhere/image:1"'


@dataclass(frozen=True)
class Unschedulable:
    """No node takes the pods, as the scheduler says."""

    message: str = "0/3 nodes are available: 3 Insufficient aws.amazon.com/neuron."


@dataclass(frozen=True)
class Crashes:
    """The container ended, and is started again and again."""

    end: End
    restarts: int = 1


@dataclass(frozen=True)
class Late:
    """A Job is past its deadline; a Deployment made no progress in time, and its pods are in another state."""

    pods: Runs | Waits | Unschedulable | Crashes = Runs(ready=False)


@dataclass(frozen=True)
class Left:
    """The pods are left to a scheduler and a kubelet of the test's own."""


JobOutcome = Ends | Runs | Waits | Unschedulable | Late | Left
ServerOutcome = Runs | Waits | Unschedulable | Crashes | Late | Left
PodOutcome = End | Runs | Waits | Unschedulable | Crashes


def ends(*given: End | Report) -> Ends:
    """Return how the pods of a Job end, by reports or otherwise."""
    return Ends(tuple(End.of(end) if isinstance(end, Report) else end for end in given))


def exports(job: Object) -> Ends:
    """Return what an exporter would report that did all that its Job asks for."""
    request = request_of(job)
    return ends(*(_report(request, request.share(index)) for index in shares_of(job)))


def request_of(job: Object) -> ExportRequest:
    """Return what a Job asks its exporter for."""
    containers = job["spec"]["template"]["spec"]["containers"]
    given = {v["name"]: v.get("value") for c in containers for v in c.get("env", ())}
    return ExportRequest.model_validate_json(given[REQUEST_VARIABLE])


def shares_of(job: Object) -> Iterable[int | None]:
    """Return the numbers of a Job's pods, each of which has a share of the buckets; None for one that has all."""
    indexed = job["spec"].get("completionMode") == "Indexed"
    return range(job["spec"]["completions"]) if indexed else (None,)


def _report(request: ExportRequest, buckets: tuple[Bucket, ...]) -> Report:
    return Report(
        rows=tuple(_row(bucket) for bucket in buckets),
        revision=request.revision if len(request.revision) == len(COMMIT) else COMMIT,
        parameters=22_000_000,
        files=(("model.json", "b" * 64), ("tokenizer.json", "c" * 64)),
    )


def _row(bucket: Bucket) -> Row:
    digest = f"{bucket.batch_size:03x}{bucket.sequence_length:04x}".ljust(64, "a")
    return Row(
        bucket, digest, 230_000, error=1e-6, agreement=1.0, p50=5000, p99=6000, eager_p50=8000
    )
