"""The links of the chain beside the Deployment: exports, Service, disruption budget. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from tracedmodel_operator.cli.pods import export_pods
from tracedmodel_operator.cli.snapshot import Snapshot
from tracedmodel_operator.cli.text import BAD, BUSY, FAINT, GOOD
from tracedmodel_operator.cli.tree import Node
from tracedmodel_operator.jobs import ExportJob, JobState
from tracedmodel_operator.moments import spell


def exports(snapshot: Snapshot) -> Iterator[Node]:
    """Return the exporter Jobs, the oldest first."""
    jobs = {job.name: job for job in snapshot.observation.jobs}
    for item in snapshot.of_kind("Job"):
        job = jobs[item["metadata"]["name"]]
        ended = spell(job.finished) if job.finished else None
        since = ended or item["metadata"].get("creationTimestamp")
        yield Node(
            "Job", job.name, *_export(job), since, _why(job), export_pods(snapshot, job.name)
        )


def _export(job: ExportJob) -> tuple[str, str]:
    if job.state is JobState.ACTIVE:
        return (job.trouble.reason, BAD) if job.trouble else ("Running", BUSY)
    return ("Succeeded", GOOD) if job.state is JobState.SUCCEEDED else ("Failed", BAD)


def _why(job: ExportJob) -> str:
    attempt = f"attempt {job.attempt}"
    if job.state is JobState.ACTIVE and job.trouble:
        return f"{attempt}: {job.trouble.message}"
    failed = [end for end in job.ends if end.exit_code != 0]
    if job.state is JobState.FAILED and failed:
        return f"{attempt}: {failed[0].reason()}"
    if job.state is JobState.FAILED:
        return f"{attempt}: {job.word or 'its pods left no report'}"
    return attempt


def services(snapshot: Snapshot) -> Iterator[Node]:
    """Return the Service, with what a client inside the cluster calls."""
    for item in snapshot.of_kind("Service"):
        metadata = item["metadata"]
        serving = snapshot.observation.serving
        answers = serving is not None and serving.ready > 0
        state, tone = ("Answers", GOOD) if answers else ("NoReadyPod", BAD)
        url = f"http://{metadata['name']}.{snapshot.namespace}.svc"
        yield Node("Service", metadata["name"], state, tone, metadata.get("creationTimestamp"), url)


def budgets(snapshot: Snapshot) -> Iterator[Node]:
    """Return the PodDisruptionBudget: whether a node may be drained now."""
    for item in snapshot.of_kind("PodDisruptionBudget"):
        metadata, status = item["metadata"], item.get("status") or {}
        allowed = status.get("disruptionsAllowed")
        drains = "a node may be drained" if allowed else "no pod may be taken away now"
        state = "-" if allowed is None else f"{allowed} may go"
        why = "" if allowed is None else drains
        since = metadata.get("creationTimestamp")
        yield Node("PodDisruptionBudget", metadata["name"], state, FAINT, since, why)
