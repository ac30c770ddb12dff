"""The chain from a model to its pods: each link with its state, why, and since when. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tracedmodel_api import conditions as c
from tracedmodel_api.words import counted
from tracedmodel_operator.cli.links import budgets, exports, services
from tracedmodel_operator.cli.pods import replica_sets
from tracedmodel_operator.cli.scalers import autoscalers
from tracedmodel_operator.cli.shelf import Kept, kept
from tracedmodel_operator.cli.snapshot import Snapshot
from tracedmodel_operator.cli.text import BAD, BUSY, FAINT, GOOD
from tracedmodel_operator.cli.tree import Node
from tracedmodel_operator.verdicts import obstacle


def chain(snapshot: Snapshot) -> Node:
    """Return the resource with all that follows from it."""
    state, tone = resource_state(snapshot)
    ready = snapshot.condition(c.READY)
    stands = snapshot.condition(state) or ready
    made = snapshot.item["metadata"].get("creationTimestamp")
    return Node(
        "TracedModel",
        snapshot.name,
        state,
        tone,
        stands.last_transition_time if stands else made,
        f"{ready.reason}: {ready.message}" if ready else "no operator has looked at it yet",
        (
            *exports(snapshot),
            *map(_index, kept(snapshot)),
            *_deployment(snapshot),
            *services(snapshot),
            *budgets(snapshot),
            *autoscalers(snapshot),
        ),
    )


def resource_state(snapshot: Snapshot) -> tuple[str, str]:
    """Return what is to be said of a resource first, and how it looks."""
    if snapshot.item["metadata"].get("deletionTimestamp"):
        return "Deleting", BUSY
    if not snapshot.is_seen():
        return "NotSeen", BUSY
    ready = snapshot.condition(c.READY)
    if ready and ready.status == "True":
        return c.READY, GOOD
    for kind, tone in ((c.STALLED, BAD), (c.RECONCILING, BUSY), (c.SUSPENDED, FAINT)):
        if snapshot.condition(kind):
            return kind, tone
    return "NotReady", BUSY


def _index(artifact: Kept) -> Node:
    tone = BAD if artifact.rejected else GOOD if artifact.served else FAINT
    count = counted(len(artifact.index.index.graphs), "bucket")
    why = f"artifact {artifact.index.digest[:12]} with {count}"
    name, made = artifact.index.name, artifact.index.created
    return Node("ConfigMap", name, artifact.state(), tone, made or None, why)


def _deployment(snapshot: Snapshot) -> Iterator[Node]:
    serving = snapshot.observation.serving
    if serving is None:
        return
    (deployment, *_) = snapshot.of_kind("Deployment")
    told = None if serving.settled() else obstacle(serving)
    tone = GOOD if serving.settled() else BAD if told or serving.deadline_exceeded else BUSY
    why = f"serves artifact {serving.artifact[:12]}"
    if told:
        why = f"{told.reason}: {told.message}"
    elif serving.deadline_exceeded:
        why = f"{c.ROLLOUT_FAILED}: no progress within the rollout's deadline"
    elif not serving.settled():
        why += f"; {serving.updated} of {serving.wanted} are of the newest template"
    state = f"{serving.available}/{serving.wanted} up"
    pods = replica_sets(snapshot, deployment)
    name, since = deployment["metadata"]["name"], _changed(deployment)
    yield Node("Deployment", name, state, tone, since, why, pods)


def _changed(deployment: Any) -> str | None:
    """Return when the rollout got on last, as far as it is known."""
    told = (deployment.get("status") or {}).get("conditions") or ()
    times: list[str] = [t for one in told if (t := one.get("lastTransitionTime"))]
    made: str | None = deployment["metadata"].get("creationTimestamp")
    return max(times, default=made)
