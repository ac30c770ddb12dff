"""Every state of a TracedModel with its conditions, and what kstatus, Argo CD and Flux are to make of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pods
import states
from resources import World, failed, resource
from states import OTHER, SUSPEND, Document, document, edited, ended, exporting, ready, rolling

WORKING = ("InProgress", "Progressing", "InProgress")
FAILED = ("Failed", "Degraded", "Failed")
DONE = ("Current", "Healthy", "Current")
PAUSED = ("InProgress", "Suspended", "InProgress")

UNSCHEDULABLE = pods.unschedulable(states.NO_NODE)
OOM = (137, "OOMKilled")


@dataclass(frozen=True)
class State:
    """A state, what the tools say of it, and its conditions as type and reason; ``!`` is False."""

    make: Callable[..., World | Document]
    verdicts: tuple[str, str, str]
    """Of kstatus, Argo CD and Flux."""
    conditions: str

    def item(self) -> Document:
        """Return the resource as an API server keeps it."""
        made = self.make()
        return document(made) if isinstance(made, World) else made


def exports(make, reason):
    """The state of an export under way or to come, while nothing is served."""
    told = f"Ready=!{reason} Exported=!{reason} Available=!NothingExported Reconciling={reason}"
    return State(make, WORKING, told)


def export_stalls(make, reason):
    told = f"Ready=!{reason} Exported=!{reason} Available=!NothingExported Stalled={reason}"
    return State(make, FAILED, told)


def rolls_out(make, reason, available="!ReplicasUnavailable"):
    told = f"Ready=!{reason} Exported=Published Available={available} Reconciling={reason}"
    return State(make, WORKING, told)


def rollout_stalls(make, reason, available="!ReplicasUnavailable"):
    told = f"Ready=!{reason} Exported=Published Available={available} Stalled={reason}"
    return State(make, FAILED, told)


PROVED_ON_NONE = (pods.crashed(states.PROVED_WRONG), pods.crashed(states.PROVED_WRONG))
PROVED_NOT_TWICE = (pods.crashed(states.PROVED_WRONG, times=2),)
SERVES = "ReplicasAvailable"

STATES = {
    "never seen by the operator": State(states.unseen, WORKING, ""),
    "an export about to start": exports(states.launched, "ExportPending"),
    "an export that runs": exports(exporting, "ExportRunning"),
    "an export that no node takes": exports(lambda: exporting(UNSCHEDULABLE), "Unschedulable"),
    "an export whose image is not there": exports(
        lambda: exporting(states.PULLING), "ImageNotPulled"
    ),
    "an export whose secret is not there": exports(
        lambda: exporting(states.NO_SECRET), "ContainerNotCreated"
    ),
    "an export that will be tried again": exports(
        lambda: ended(failed("StoreUnreachable")), "BackingOff"
    ),
    "an export whose pods were taken away": exports(ended, "BackingOff"),
    "an export that took too long": exports(states.past_export_deadline, "BackingOff"),
    "an export whose report is lost": exports(lambda: ended((0, "Completed")), "BackingOff"),
    "an export out of memory": export_stalls(lambda: ended(OOM), "OutOfMemory"),
    "an export whose pods disagree": export_stalls(states.disagreeing, "ReportsDisagree"),
    "an export that the API server refuses": export_stalls(
        lambda: states.refused(World(), "Job", "minilm-export-1", "ChildRefused", states.QUOTA),
        "ChildRefused",
    ),
    "no store": export_stalls(states.without_store, "StoreNotSet"),
    "a part of a chip where there are only whole ones": export_stalls(
        states.on_whole_chips, "WholeChipsOnly"
    ),
    "graphs too large for their cores": rollout_stalls(
        states.too_large_for_its_core, "CoresTooFew", "!NothingExported"
    ),
    "another try after a failure for good": exports(
        lambda: states.requested(ended(failed("NotFinite"))), "ExportRunning"
    ),
    "a first rollout": rolls_out(rolling, "RolloutInProgress"),
    "a server that no node takes": rolls_out(lambda: rolling(UNSCHEDULABLE), "Unschedulable"),
    "a server whose image is not there": rolls_out(
        lambda: rolling(states.PULLING), "ImageNotPulled"
    ),
    "a server whose secret is not there": rolls_out(
        lambda: rolling(states.NO_SECRET), "ContainerNotCreated"
    ),
    "servers that a quota keeps out": rolls_out(states.pods_not_created, "PodsNotCreated"),
    "a server that failed once": rolls_out(
        lambda: rolling(pods.crashed(states.PROVED_WRONG)), "ProofFailed"
    ),
    "a server that fails for good": rollout_stalls(
        lambda: rolling(*PROVED_NOT_TWICE), "ProofFailed"
    ),
    "a server that failed often in a passing way": rolls_out(
        lambda: rolling(pods.crashed(failed("StoreUnreachable"), times=9)), "StoreUnreachable"
    ),
    "a server out of memory once": rolls_out(lambda: rolling(pods.crashed(OOM)), "OutOfMemory"),
    "a server out of memory again and again": rollout_stalls(
        lambda: rolling(pods.crashed(OOM, times=2)), "OutOfMemory"
    ),
    "a rollout past its deadline": rollout_stalls(states.past_rollout_deadline, "RolloutFailed"),
    "a server whose name is taken": rollout_stalls(
        lambda: states.deployment_refused("NameConflict"), "NameConflict"
    ),
    "a server that the API server refuses": rollout_stalls(
        lambda: states.deployment_refused("ChildRefused"), "ChildRefused"
    ),
    "everything as wanted": State(
        ready, DONE, f"Ready=Succeeded Exported=Published Available={SERVES}"
    ),
    "as many replicas as the load asks for": State(
        states.autoscaled, DONE, f"Ready=Succeeded Exported=Published Available={SERVES}"
    ),
    "more replicas by load, whose nodes are to come": State(
        lambda: states.autoscaled(up=2),
        DONE,
        f"Ready=Succeeded Exported=Published Available={SERVES}",
    ),
    "fewer replicas up than an autoscaler may leave": rolls_out(
        lambda: states.autoscaled(up=0), "RolloutInProgress"
    ),
    "no replica while nobody asks": State(
        states.scaled_to_zero,
        DONE,
        "Ready=Succeeded Exported=Published Available=ScaledToZero",
    ),
    "an autoscaler that is not gone yet": rolls_out(
        states.given_up_by_its_autoscaler, "AutoscalerChanging", SERVES
    ),
    "scaling to zero where nothing could scale up again": State(
        states.to_be_scaled_to_zero_without_keda,
        FAILED,
        f"Ready=!ScaleToZeroUnavailable Exported=Published Available={SERVES}"
        " Stalled=ScaleToZeroUnavailable",
    ),
    "no replica wanted": State(
        lambda: ready(serving={"replicas": 0}),
        DONE,
        "Ready=Succeeded Exported=Published Available=ScaledToZero",
    ),
    "more replicas wanted": rolls_out(
        lambda: edited(ready(), {"serving": {"replicas": 3}}), "RolloutInProgress", SERVES
    ),
    "a spec that is newer than what the operator saw": State(
        states.changed_but_unseen, WORKING, f"Ready=Succeeded Exported=Published Available={SERVES}"
    ),
    "a next export while the last artifact serves": State(
        lambda: edited(ready(), OTHER),
        WORKING,
        f"Ready=!ExportRunning Exported=!ExportRunning Available={SERVES} Reconciling=ExportRunning",
    ),
    "a next export that failed for good while the last artifact serves": State(
        states.next_export_failed,
        FAILED,
        f"Ready=!NotFinite Exported=!NotFinite Available={SERVES} Stalled=NotFinite",
    ),
    "a next rollout beside the last": rolls_out(states.remade, "RolloutInProgress", SERVES),
    "a rollout that waits for others": rolls_out(states.queued, "RolloutQueued", SERVES),
    "a replica replaced in place": rolls_out(
        states.replaced_in_place, "RolloutInProgress", "!InPlaceRollout"
    ),
    "an artifact that one node cannot prove": rolls_out(
        lambda: states.remade(pods.crashed(states.PROVED_WRONG)), "ProofFailed", SERVES
    ),
    "rolled back after failures on two nodes": rollout_stalls(
        lambda: states.rolled_back(*PROVED_ON_NONE), "RolledBack", SERVES
    ),
    "rolled back after two failures on the only node": rollout_stalls(
        lambda: states.rolled_back(*PROVED_NOT_TWICE), "RolledBack", SERVES
    ),
    "another try after a rollback": State(
        lambda: states.requested(states.rolled_back(*PROVED_ON_NONE)),
        WORKING,
        f"Ready=!ExportRunning Exported=!ExportRunning Available={SERVES} Reconciling=ExportRunning",
    ),
    "suspended with everything as wanted": State(
        lambda: edited(ready(), SUSPEND),
        ("Current", "Suspended", "Current"),
        f"Ready=Succeeded Exported=Published Available={SERVES} Suspended=SuspendedByUser",
    ),
    "suspended before anything was exported": State(
        lambda: states.turned(World(resource(SUSPEND))),
        PAUSED,
        "Ready=!SuspendedByUser Exported=!SuspendedByUser Available=!NothingExported"
        " Suspended=SuspendedByUser",
    ),
    "suspended while another artifact is wanted": State(
        lambda: edited(ready(), {**OTHER, **SUSPEND}),
        PAUSED,
        f"Ready=!SuspendedByUser Exported=!SuspendedByUser Available={SERVES}"
        " Suspended=SuspendedByUser",
    ),
    "suspended with a rollout that waits": State(
        lambda: edited(ready(), {**SUSPEND, "serving": {"resources": {"cpu": "4"}}}),
        PAUSED,
        f"Ready=!SuspendedByUser Exported=Published Available={SERVES} Suspended=SuspendedByUser",
    ),
    "suspended before its first rollout": State(
        states.suspended_before_its_rollout,
        PAUSED,
        "Ready=!SuspendedByUser Exported=Published Available=!ReplicasUnavailable"
        " Suspended=SuspendedByUser",
    ),
    "suspended while an export runs": State(
        lambda: edited(exporting(), SUSPEND),
        PAUSED,
        "Ready=!ExportRunning Exported=!ExportRunning Available=!NothingExported"
        " Reconciling=ExportRunning Suspended=SuspendedByUser",
    ),
    "suspended after an export failed in a passing way": State(
        states.suspended_after_a_passing_failure,
        PAUSED,
        "Ready=!SuspendedByUser Exported=!SuspendedByUser Available=!NothingExported"
        " Suspended=SuspendedByUser",
    ),
    "suspended after an export failed for good": State(
        lambda: edited(ended(failed("NotFinite")), SUSPEND),
        FAILED,
        "Ready=!NotFinite Exported=!NotFinite Available=!NothingExported Stalled=NotFinite"
        " Suspended=SuspendedByUser",
    ),
    "suspended after a rollback": State(
        lambda: edited(states.rolled_back(*PROVED_ON_NONE), SUSPEND),
        FAILED,
        f"Ready=!RolledBack Exported=Published Available={SERVES} Stalled=RolledBack"
        " Suspended=SuspendedByUser",
    ),
    "a first spec that the operator does not understand": State(
        lambda: states.with_invalid_spec(states.unseen()),
        FAILED,
        "Ready=!InvalidSpec Exported=?InvalidSpec Available=?InvalidSpec Stalled=InvalidSpec",
    ),
    "a next spec that the operator does not understand": State(
        lambda: states.with_invalid_spec(document(ready())),
        FAILED,
        f"Ready=!InvalidSpec Exported=Published Available={SERVES} Stalled=InvalidSpec",
    ),
    "a spec that the operator does not understand while an export runs": State(
        lambda: states.with_invalid_spec(document(exporting())),
        FAILED,
        "Ready=!InvalidSpec Exported=!ExportRunning Available=!NothingExported Stalled=InvalidSpec",
    ),
    "being deleted": State(
        lambda: states.deleting(document(ready())),
        ("Terminating", "Progressing", "InProgress"),
        f"Ready=Succeeded Exported=Published Available={SERVES}",
    ),
}
