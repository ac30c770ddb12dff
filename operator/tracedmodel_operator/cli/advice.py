"""What to do about a reason: what docs/errors.md says, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from tracedmodel_api import conditions as c
from tracedmodel_api.report import REASONS
from tracedmodel_operator.cli.snapshot import Snapshot

WHAT_TO_DO = {
    c.SUCCEEDED: "Nothing.",
    c.PUBLISHED: "Nothing.",
    c.EXPORT_PENDING: "Wait. If it lasts, the operator is not running, or an older Job is still being deleted.",
    c.EXPORT_RUNNING: "Wait; kubectl logs -f job/NAME-export-… shows the steps. If the Job has no pod, kubectl describe job says why; if its pod stays Pending, kubectl describe pod does.",
    c.EXPORT_FAILED: "Wait. If it comes again, see who deletes or evicts the pods: kubectl get events.",
    c.EXPORT_DEADLINE_EXCEEDED: "If it comes again: fewer buckets, more export.resources, more export.parallelism, or a longer compiler.timeoutSeconds.",
    c.REPORT_LOST: "Wait: the next attempt finds everything in the store. If it comes again, something removes the export's pods as they end.",
    c.OUT_OF_MEMORY: "Raise export.resources.memory or serving.resources.memory, whichever pod it was, or take smaller buckets.",
    c.IMAGE_NOT_PULLED: "Correct the image in the operator's settings, or give the namespace the pull secret.",
    c.CONTAINER_NOT_CREATED: "Create what the message names, a secret for example. The pod goes on by itself.",
    c.UNSCHEDULABLE: "Add a node that fits, or ask for less; compare with the target's node selector, tolerations and instance types.",
    c.PODS_NOT_CREATED: "Raise the quota or correct the admission rule that the message names; for a Job kubectl describe job names it.",
    c.CHILD_REFUSED: "Raise the quota, or grant what the message names.",
    c.NAME_CONFLICT: "Rename the object in the way, or the TracedModel.",
    c.BACKING_OFF: "Wait; the message has the cause and the time of the next attempt. The cause is explained in docs/errors.md.",
    c.ROLLOUT_IN_PROGRESS: "Wait.",
    c.ROLLOUT_QUEUED: "Wait, or raise max_concurrent_rollouts.",
    c.ROLLED_BACK: "Read why; correct the cause, then change the spec or set requested-at.",
    c.ROLLOUT_FAILED: "Read the pods: kubectl get pods -l tracedmodel.dev/model=NAME. Raise rollout.progressDeadlineSeconds if they only need longer.",
    c.REPLICAS_AVAILABLE: "Nothing.",
    c.REPLICAS_UNAVAILABLE: "Read the reason of Ready.",
    c.IN_PLACE_ROLLOUT: "Wait. Choose Surge where there is room for one more replica.",
    c.SCALED_TO_ZERO: "Nothing, or scale up.",
    c.NOTHING_EXPORTED: "Read the reason of Exported.",
    c.INVALID_SPEC: "Correct the field that the message names, or upgrade the operator.",
    c.STORE_NOT_SET: "Set spec.store, or the operator's default_store_url.",
    c.WHOLE_CHIPS_ONLY: "Set serving.neuronCores to 4, 16 or 64.",
    c.CORES_TOO_FEW: "As the message says: more serving.neuronCores, fewer buckets, or export.compiler.pipelineCores.",
    c.SCALE_TO_ZERO_UNAVAILABLE: "Set autoscaling.minReplicas to 1 or more, or have KEDA and a demand_query: docs/autoscaling.md.",
    c.AUTOSCALER_CHANGING: "Wait. If it lasts, see what keeps the object that the message names: KEDA that does not run, or a ScaledObject to delete.",
    c.SUSPENDED_BY_USER: "Set spec.suspend to false to go on.",
    c.REPORTS_DISAGREE: "See what changed under the export: pin revision to a commit, or ask again with requested-at.",
}
"""By reason of a condition."""

_NOTHING = "Nothing."
_UNSEEN = (
    "The operator has not looked at the newest spec: is it running, and does it watch this namespace? "
    "Its log says, and kubectl get lease -A shows who works."
)


def what_to_do(snapshot: Snapshot) -> list[str]:
    """Return what a person should do now, in the order to do it; nothing where all is well."""
    if snapshot.item["metadata"].get("deletionTimestamp"):
        return ["Nothing: it is being deleted."]
    if not snapshot.is_seen():
        return [_UNSEEN]
    ready = snapshot.condition(c.READY)
    if ready is None or ready.status == "True":
        return []
    told = (advice(reason) for reason in _reasons(snapshot, ready.reason))
    known = [text.replace("NAME", snapshot.name) for text in told if text and text != _NOTHING]
    return [*dict.fromkeys(known), *_logs(snapshot), *_again(snapshot)]


def advice(reason: str) -> str | None:
    """Return what to do about a reason of a condition, an export or a server."""
    known = REASONS.get(reason)
    return WHAT_TO_DO.get(reason) or (known.remedy if known else None)


def _reasons(snapshot: Snapshot, ready: str) -> Iterator[str]:
    """Return the reason of Ready and, before it, what is behind it."""
    status = snapshot.status
    if ready == c.BACKING_OFF and status.export and status.export.failure:
        yield status.export.failure.reason
    if ready == c.ROLLED_BACK and status.serving and status.serving.rejected:
        yield status.serving.rejected.reason
    if ready in (c.ROLLOUT_FAILED, c.ROLLOUT_IN_PROGRESS) and status.last_failure:
        yield status.last_failure.reason
    yield ready


def _logs(snapshot: Snapshot) -> Iterator[str]:
    """Say which log has more, where a process ended."""
    if any(end.exit_code for job in snapshot.observation.jobs for end in job.ends):
        yield f"More is in its log: kubectl tracedmodel logs {snapshot.name} --export"
    serving = snapshot.observation.serving
    if serving and any(pod.endings and not pod.ready for pod in serving.pods):
        yield f"More is in its log: kubectl tracedmodel logs {snapshot.name} --serving --previous"


def _again(snapshot: Snapshot) -> Iterator[str]:
    if snapshot.condition(c.STALLED):
        yield (
            "A changed spec is tried at once. If the cause was elsewhere, then: "
            f"kubectl tracedmodel retry {snapshot.name} --wait"
        )
