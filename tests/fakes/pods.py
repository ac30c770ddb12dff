"""Pods as a kubelet and a scheduler report them: of an exporter Job or of the serving Deployment."""

from __future__ import annotations

from typing import Any

from tracedmodel_api.report import REASONS, Report

Document = dict[str, Any]
End = Report | tuple[int, str]
"""A report, or an exit code and the kubelet's word."""


def exit_code(end: End) -> int:
    """Return the exit code that goes with an end."""
    if isinstance(end, tuple):
        return end[0]
    return REASONS[end.reason].exit_code if end.reason else 0


def terminated(end: End) -> Document:
    """Return the state of a container that ended."""
    code = exit_code(end)
    if isinstance(end, tuple):
        return {"terminated": {"exitCode": code, "reason": end[1], "message": ""}}
    word = "Completed" if code == 0 else "Error"
    return {"terminated": {"exitCode": code, "reason": word, "message": end.to_bytes().decode()}}


def waiting(reason: str, message: str = "", **container: Any) -> Document:
    """Return the status of a pod whose container waits for something."""
    state = {"waiting": {"reason": reason, "message": message}}
    return {"phase": "Pending", "containerStatuses": [{"state": state, **container}]}


def unschedulable(message: str) -> Document:
    """Return the status of a pod that no node takes."""
    told = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": message,
    }
    return {"phase": "Pending", "conditions": [told]}


def evicted(message: str) -> Document:
    """Return the status of a pod that its node ended before the container could say anything."""
    return {"phase": "Failed", "reason": "Evicted", "message": message}


READY: Document = {
    "phase": "Running",
    "conditions": [{"type": "Ready", "status": "True"}],
    "containerStatuses": [{"state": {"running": {}}, "restartCount": 0}],
}
"""The status of a server that proved itself."""


def crashed(end: End, times: int = 1) -> Document:
    """Return the status of a server that ended so many times, and is about to be started again."""
    container = {"lastState": terminated(end), "restartCount": times - 1}
    return {"containerStatuses": [container]}


def of_job(job: Document, name: str, status: Document) -> Document:
    """Return a pod of an exporter Job."""
    labels = {"batch.kubernetes.io/job-name": job["metadata"]["name"]}
    return {
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels},
        "spec": job["spec"]["template"]["spec"],
        "status": status,
    }


def of_deployment(deployment: Document, name: str, node: str, status: Document) -> Document:
    """Return a pod of the Deployment's template."""
    template = deployment["spec"]["template"]
    return {
        "kind": "Pod",
        "metadata": {"name": name, **template["metadata"]},
        "spec": {**template["spec"], "nodeName": node},
        "status": status,
    }
