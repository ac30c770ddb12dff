"""Pods, and the ReplicaSets that servers belong to, as links of the chain. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tracedmodel_api.words import counted
from tracedmodel_operator.cli.snapshot import Snapshot
from tracedmodel_operator.cli.text import BAD, BUSY, FAINT, GOOD
from tracedmodel_operator.cli.tree import Node
from tracedmodel_operator.names import JOB_NAME
from tracedmodel_operator.podstate import Pod, read_pod

Object = Mapping[str, Any]


def export_pods(snapshot: Snapshot, job: str) -> tuple[Node, ...]:
    """Return the pods of an exporter Job."""
    pods = (pod for pod in snapshot.of_kind("Pod") if _label(pod, JOB_NAME) == job)
    return tuple(_node(pod, *_exporting(read_pod(pod), _word(pod))) for pod in pods)


def replica_sets(snapshot: Snapshot, deployment: Object) -> tuple[Node, ...]:
    """Return the Deployment's ReplicaSets that have or want pods, and pods whose ReplicaSet is not known."""
    servers = [pod for pod in snapshot.of_kind("Pod") if not _label(pod, JOB_NAME)]
    sets = [
        s for s in snapshot.of_kind("ReplicaSet") if _owner(s) == deployment["metadata"]["name"]
    ]
    of = {
        s["metadata"]["name"]: [p for p in servers if _owner(p) == s["metadata"]["name"]]
        for s in sets
    }
    live = tuple(_set(s, of[name]) for s in sets if of[name := s["metadata"]["name"]] or _wants(s))
    known = {pod["metadata"]["name"] for pods in of.values() for pod in pods}
    return (*live, *_servers(pod for pod in servers if pod["metadata"]["name"] not in known))


def _set(item: Object, pods: list[Object]) -> Node:
    wanted = _wants(item)
    ready = int((item.get("status") or {}).get("readyReplicas") or 0)
    tone = FAINT if not wanted else GOOD if ready >= wanted else BUSY
    metadata = item["metadata"]
    why = "" if wanted else "being replaced"
    state, since = f"{ready}/{wanted} ready", metadata.get("creationTimestamp")
    return Node("ReplicaSet", metadata["name"], state, tone, since, why, _servers(pods))


def _wants(item: Object) -> int:
    return int(item["spec"].get("replicas", 1))


def _servers(pods: Iterable[Object]) -> tuple[Node, ...]:
    return tuple(_node(pod, *_serving(read_pod(pod), _word(pod))) for pod in pods)


def _node(item: Object, state: str, tone: str, why: str) -> Node:
    metadata, status = item["metadata"], item.get("status") or {}
    told = [one for one in status.get("conditions") or () if one["type"] == "Ready"]
    since = told[0].get("lastTransitionTime") if told else None
    return Node(
        "Pod", metadata["name"], state, tone, since or metadata.get("creationTimestamp"), why
    )


def _exporting(pod: Pod, word: str) -> tuple[str, str, str]:
    end = pod.end
    if end is None:
        return _starting(pod, word, _at(pod))
    if end.exit_code == 0:
        return "Succeeded", GOOD, f"on {pod.node}" if pod.node else ""
    code = "" if end.exit_code is None else f" (exit code {end.exit_code})"
    return end.reason(), BAD, f"{end.sentence()}{code}"


def _serving(pod: Pod, word: str) -> tuple[str, str, str]:
    if pod.ready:
        before = f", ended {counted(pod.endings, 'time')} before" if pod.endings else ""
        return "Ready", GOOD, f"{_at(pod)}{before}"
    if pod.end and pod.end.exit_code != 0:
        where = f" {_at(pod)}" if pod.node else ""
        times = f"ended {counted(pod.endings, 'time')}{where}: " if pod.endings else ""
        return pod.end.reason(), BAD, f"{times}{pod.end.sentence()}"
    running = word == "Running"
    why = f"{_at(pod)}: loads and proves its graphs" if running else _at(pod)
    return _starting(pod, "Proving" if running else word, why)


def _starting(pod: Pod, word: str, why: str) -> tuple[str, str, str]:
    if pod.trouble:
        return pod.trouble.reason, BAD, pod.trouble.message
    return word, BUSY, why


def _at(pod: Pod) -> str:
    return f"on {pod.node}" if pod.node else "on no node yet"


def _word(item: Object) -> str:
    if item["metadata"].get("deletionTimestamp"):
        return "Ending"
    return str((item.get("status") or {}).get("phase") or "Pending")


def _label(item: Object, name: str) -> str:
    return str((item["metadata"].get("labels") or {}).get(name) or "")


def _owner(item: Object) -> str:
    references = item["metadata"].get("ownerReferences") or ()
    return next((str(r["name"]) for r in references if r.get("controller")), "")
