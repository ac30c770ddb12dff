"""The conditions of a resource before their times: each True or not, why, and in a sentence. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tracedmodel_api import conditions as c
from tracedmodel_api.types import Strategy, TracedModel
from tracedmodel_api.words import counted
from tracedmodel_operator.artifacts import Artifact
from tracedmodel_operator.exports import Exporting, Problem
from tracedmodel_operator.moments import spell
from tracedmodel_operator.observe import Observation, Refusal, Serving
from tracedmodel_operator.plan import Plan
from tracedmodel_operator.podstate import Pod

_TWICE = 2
"""Times that a server must end for good before it is said that it will again."""


@dataclass(frozen=True)
class Verdict:
    """A condition before its times."""

    true: bool
    reason: str
    message: str
    final: bool = False
    """Whether nothing more happens by itself."""


def _yes(reason: str, message: str) -> Verdict:
    return Verdict(true=True, reason=reason, message=message)


def _no(reason: str, message: str, *, final: bool = False) -> Verdict:
    return Verdict(true=False, reason=reason, message=message, final=final)


def verdicts(resource: TracedModel, observation: Observation, plan: Plan) -> dict[str, Verdict]:
    """Return all conditions that stand, Ready first. Of what the plan sets in motion nothing counts."""
    exported = _exported(resource, observation, plan)
    rollout = judge_rollout(observation, plan)
    ready = _ready(exported, rollout, plan)
    found = {
        c.READY: ready,
        c.EXPORTED: exported,
        c.AVAILABLE: _available(resource, observation, plan),
    }
    if ready.final:
        found[c.STALLED] = _yes(ready.reason, ready.message)
    elif not ready.true and ready.reason != c.SUSPENDED_BY_USER:
        found[c.RECONCILING] = _yes(ready.reason, ready.message)
    if resource.spec.suspend:
        found[c.SUSPENDED] = _yes(c.SUSPENDED_BY_USER, "spec.suspend is set")
    return found


def _exported(resource: TracedModel, observation: Observation, plan: Plan) -> Verdict:
    """Say whether an artifact answers this generation."""
    if plan.artifact is not None:
        return _yes(c.PUBLISHED, _published(plan.artifact))
    if plan.exporting is not None and plan.exporting.running:
        return _running(plan.exporting)
    if resource.spec.suspend and not (plan.problem and plan.problem.terminal):
        return _no(c.SUSPENDED_BY_USER, "an export is needed, but spec.suspend is set")
    if plan.problem is not None:
        return _failed(plan.problem)
    refusal = next((r for r in observation.refusals if r.child[0] == "Job"), None)
    if refusal is not None:
        return _refused(refusal)
    why = plan.exporting.why.message if plan.exporting else ""
    return _no(c.EXPORT_PENDING, f"an export is about to start: {why}")


def _published(artifact: Artifact) -> str:
    """Say what an artifact is; what cannot be run where it is traced proves itself on the servers' devices."""
    count, digest = len(artifact.index.graphs), artifact.digest[:12]
    if all(row.error is not None for row in artifact.report.rows):
        return f"artifact {digest} with {counted(count, 'verified bucket')}"
    return f"artifact {digest} with {counted(count, 'bucket')}, proved by each server on its device"


def _failed(problem: Problem) -> Verdict:
    if problem.terminal:
        return _no(problem.reason, problem.message, final=True)
    again = f"; next attempt at {spell(problem.retry_at)}" if problem.retry_at else ""
    return _no(c.BACKING_OFF, f"{problem.reason}: {problem.message}{again}")


def _running(exporting: Exporting) -> Verdict:
    if exporting.trouble:
        return _no(exporting.trouble.reason, exporting.trouble.message)
    return _no(c.EXPORT_RUNNING, f"attempt {exporting.attempt} runs: {exporting.why.message}")


def _refused(refusal: Refusal) -> Verdict:
    kind, name = refusal.child
    return _no(refusal.reason, f"{kind} {name}: {refusal.message}", final=True)


def judge_rollout(observation: Observation, plan: Plan) -> Verdict:
    """Say whether the wanted artifact is served by all wanted replicas."""
    serving = observation.serving
    refusal = next((r for r in observation.refusals if r.child[0] != "Job"), None)
    if plan.held == c.SUSPENDED_BY_USER:
        return _no(c.SUSPENDED_BY_USER, "the rollout waits, because spec.suspend is set")
    if refusal is not None:
        return _refused(refusal)
    if plan.held:
        return _no(plan.held, "the rollout waits for others to end")
    begun = serving is not None and plan.serving and serving.artifact == plan.serving.digest
    if serving is None or not begun or plan.replaces:
        return _no(c.ROLLOUT_IN_PROGRESS, "the serving pods are about to be started or replaced")
    return _judge_replicas(serving, plan)


def _judge_replicas(serving: Serving, plan: Plan) -> Verdict:
    """Say whether there are as many replicas of the wanted artifact as there should be."""
    wanted = serving.wanted if plan.replicas is None else plan.replicas
    if plan.unscaled:
        return _no(c.AUTOSCALER_CHANGING, plan.unscaled)
    if serving.wanted == wanted and serving.rolled_out(plan.least):
        return _yes(c.SUCCEEDED, f"{counted(serving.available, 'replica')} up")
    verdict = _under_way(serving, wanted)
    doubted = plan.doubt is not None and any(p.name == plan.doubt.pod for p in serving.pods)
    # Another server is about to be made in its place: this end is not the last word.
    return replace(verdict, final=False) if doubted else verdict


def _under_way(serving: Serving, wanted: int) -> Verdict:
    """Say how far a rollout is, and what keeps it."""
    told = obstacle(serving)
    if serving.deadline_exceeded:
        detail = f": {told.reason}: {told.message}" if told else ""
        message = f"the serving pods made no progress within the deadline{detail}"
        return _no(c.ROLLOUT_FAILED, message, final=True)
    if told is not None:
        return told
    return _no(
        c.ROLLOUT_IN_PROGRESS,
        f"{serving.available} of {wanted} replicas are available, {serving.updated} updated",
    )


def obstacle(serving: Serving) -> Verdict | None:
    """Return what keeps the pods of a rollout from coming up, if anything is known to."""
    pods = [pod for pod in serving.own_pods() if not pod.ready]
    ended = [pod for pod in pods if pod.end and pod.end.exit_code]
    if ended:
        return _server_end(ended)
    trouble = next((pod.trouble for pod in pods if pod.trouble), None)
    if trouble is not None:
        return _no(trouble.reason, trouble.message)
    if serving.refused:
        return _no(c.PODS_NOT_CREATED, serving.refused)
    return None


def _server_end(pods: Sequence[Pod]) -> Verdict:
    """Say why a server ended, and on which nodes servers ended so, how many times each."""
    first = pods[0]
    end = first.end
    assert end is not None  # noqa: S101  # so it was chosen
    times: Counter[str] = Counter()
    for pod in pods:
        if pod.end and pod.end.reason() == end.reason():
            times[pod.node] += max(1, pod.endings)
    where = " and ".join(_place(node, times[node]) for node in sorted(times) if node)
    final = end.is_terminal() and first.endings >= _TWICE
    message = f"a server ended{f' on {where}' if where else ''}: {end.sentence()}"
    return _no(end.reason(), message, final=final)


def _place(node: str, times: int) -> str:
    return node if times == 1 else f"{node} {times} times"


def _ready(exported: Verdict, rollout: Verdict, plan: Plan) -> Verdict:
    if not exported.true:
        return exported
    if plan.problem is not None:
        return _no(plan.problem.reason, plan.problem.message, final=plan.problem.terminal)
    held = plan.artifact and plan.serving and plan.artifact.digest != plan.serving.digest
    if held and rollout.true:
        return _no(c.SUSPENDED_BY_USER, "the rollout waits, because spec.suspend is set")
    if not rollout.true:
        return rollout
    return _yes(c.SUCCEEDED, f"{exported.message}; {rollout.message}")


def _available(resource: TracedModel, observation: Observation, plan: Plan) -> Verdict:
    """Say whether some verified artifact answers."""
    serving = observation.serving
    if serving is None:
        reason = c.REPLICAS_UNAVAILABLE if plan.serving else c.NOTHING_EXPORTED
        return _no(reason, "nothing is served yet")
    if serving.available > 0:
        return _yes(
            c.REPLICAS_AVAILABLE, f"{serving.available} of {serving.wanted} replicas are available"
        )
    if serving.wanted == 0:
        return _yes(c.SCALED_TO_ZERO, "no replica is wanted")
    in_place = resource.spec.serving.rollout.strategy is Strategy.IN_PLACE
    served = resource.status.serving is not None and resource.status.serving.artifact_digest
    replaced = in_place and served and serving.updated
    reason = c.IN_PLACE_ROLLOUT if replaced else c.REPLICAS_UNAVAILABLE
    return _no(reason, f"0 of {serving.wanted} replicas are available")
