"""Which artifact serves: the one that answers, or the last good one where its servers could not prove it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from tracedmodel_api import conditions as c
from tracedmodel_api.report import shorten
from tracedmodel_api.status import MAX_MESSAGE, Doubt, Rejection
from tracedmodel_api.types import TracedModel
from tracedmodel_operator.artifacts import Artifact
from tracedmodel_operator.exports import Problem
from tracedmodel_operator.names import ChildKey
from tracedmodel_operator.observe import Observation, Serving
from tracedmodel_operator.podstate import Pod

_ARTIFACT_FAULTS = {
    "ProofFailed",
    "LoadFailed",
    "BlobMissing",
    "BlobCorrupt",
    "ManifestInvalid",
    "FormatUnsupported",
    "NotFinite",
    "VersionMismatch",
    "DeviceMemoryFull",
}
"""Reasons that speak against an artifact; all others speak against a device, a node or the world."""
_ENOUGH = 2
"""Nodes on which an artifact must fail, or times where there is one node: a single bad chip proves nothing."""


@dataclass(frozen=True)
class Choice:
    """The artifact to serve, the one that was given up, and what is to be told of it."""

    serving: Artifact | None
    rejected: Rejection | None = None
    problem: Problem | None = None
    doubt: Doubt | None = None
    """The failure that another node is asked about before the artifact is given up."""


def choose(resource: TracedModel, observation: Observation, answer: Artifact | None) -> Choice:
    """Return what is to be served: the answer, or what is served already while there is none or it failed."""
    current, standing = _current(observation), _standing_rejection(resource)
    waits = resource.spec.suspend and current is not None and not _names(standing, answer)
    if answer is None or waits:
        return Choice(current, standing)
    rejected = _rejection(resource, observation, answer)
    if rejected is None:
        return Choice(answer, doubt=_doubt(resource, observation, answer))
    good = _last_good(resource, observation, answer)
    if good is None:
        problem = Problem(rejected.reason, rejected.message, terminal=True)
        return Choice(answer, rejected, problem)
    message = f"{rejected.reason}: {rejected.message}; returned to artifact {good.digest[:12]}"
    return Choice(good, rejected, Problem(c.ROLLED_BACK, message, terminal=True))


def _names(rejection: Rejection | None, answer: Artifact | None) -> bool:
    """Tell whether a rejection is of this artifact, for this request."""
    if rejection is None or answer is None:
        return False
    named = (rejection.artifact_digest, rejection.fingerprint)
    return named == (answer.digest, answer.fingerprint)


def _standing_rejection(resource: TracedModel) -> Rejection | None:
    return resource.status.serving.rejected if resource.status.serving else None


def _current(observation: Observation) -> Artifact | None:
    """Return the artifact that the Deployment serves, if its index is still there."""
    digest = observation.serving.artifact if observation.serving else None
    return _kept(observation, digest)


def _kept(observation: Observation, digest: str | None) -> Artifact | None:
    found = (Artifact.kept(index) for index in observation.indexes if index.digest == digest)
    return next(found, None)


def _last_good(
    resource: TracedModel, observation: Observation, answer: Artifact
) -> Artifact | None:
    """Return the artifact that was rolled out last, if it is another one."""
    digest = resource.status.serving.artifact_digest if resource.status.serving else None
    return None if digest == answer.digest else _kept(observation, digest)


def _rejection(
    resource: TracedModel, observation: Observation, answer: Artifact
) -> Rejection | None:
    """Return why an artifact is not to be served, as the status says or as its servers just showed."""
    before = _standing_rejection(resource)
    if _names(before, answer):
        return before
    serving = _on_trial(resource, observation, answer)
    return _at_fault(serving, answer, _standing_doubt(resource, serving)) if serving else None


def _on_trial(resource: TracedModel, observation: Observation, answer: Artifact) -> Serving | None:
    """Return what serves an artifact that is not proved yet."""
    serving = observation.serving
    served = serving is not None and serving.artifact == answer.digest
    return serving if served and not _was_proved(resource, answer) else None


def _was_proved(resource: TracedModel, artifact: Artifact) -> bool:
    serving = resource.status.serving
    return serving is not None and artifact.digest in {
        serving.artifact_digest,
        serving.proved_digest,
    }


def _at_fault(serving: Serving, artifact: Artifact, doubt: Doubt | None) -> Rejection | None:
    """Return the rejection of an artifact that no server proved and that failed on enough nodes."""
    failed = [pod for pod in _failed(serving) if doubt is None or pod.name != doubt.pod]
    nodes = {pod.node for pod in failed} | ({doubt.node} if doubt else set())
    often = sum(pod.endings for pod in failed) >= _ENOUGH
    enough = len(nodes) >= _ENOUGH or doubt is not None or (often and not _elsewhere(serving))
    if not failed or not enough:
        return None
    end = failed[0].end
    assert end is not None  # noqa: S101  # so they were chosen
    where = " and ".join(filter(None, sorted(nodes))) or "this machine"
    message = f"artifact {artifact.digest[:12]} failed on {where}: {end.sentence()}"
    return Rejection(
        artifact_digest=artifact.digest,
        fingerprint=artifact.fingerprint,
        reason=end.reason(),
        message=shorten(message, MAX_MESSAGE),
    )


def _failed(serving: Serving) -> list[Pod]:
    """Return the servers whose end speaks against their artifact, unless one of its servers is ready."""
    pods = serving.own_pods()
    if any(pod.ready for pod in pods):
        return []
    return [pod for pod in pods if pod.end and pod.end.reason() in _ARTIFACT_FAULTS]


def _elsewhere(serving: Serving) -> bool:
    """Tell whether servers, old ones included, are on nodes on which none failed."""
    failed = {pod.node for pod in _failed(serving)}
    return bool({pod.node for pod in serving.pods if pod.node} - failed)


def _standing_doubt(resource: TracedModel, serving: Serving) -> Doubt | None:
    doubt = resource.status.serving.doubt if resource.status.serving else None
    return doubt if doubt and doubt.template == serving.template else None


def _doubt(resource: TracedModel, observation: Observation, answer: Artifact) -> Doubt | None:
    """Return the failure of a server on one node of several, where restarts in place would ask the same chip again."""
    serving = _on_trial(resource, observation, answer)
    if serving is None or any(pod.ready for pod in serving.own_pods()):
        return None
    standing = _standing_doubt(resource, serving)
    often = [pod for pod in _failed(serving) if pod.endings >= _ENOUGH and pod.node]
    if standing or not often:
        return standing
    return Doubt(template=serving.template, pod=often[0].name, node=often[0].node)


def is_news(doubt: Doubt | None, resource: TracedModel) -> bool:
    """Tell whether a doubt is not on record yet: the next look deletes its pod."""
    serving = resource.status.serving
    return doubt is not None and (serving is None or doubt != serving.doubt)


def doubted_pods(resource: TracedModel, observation: Observation) -> tuple[ChildKey, ...]:
    """Return the pod to delete, so that another is made, once its failure is on record."""
    serving = observation.serving
    doubt = _standing_doubt(resource, serving) if serving else None
    there = serving is not None and any(doubt and pod.name == doubt.pod for pod in serving.pods)
    return (("Pod", doubt.pod),) if doubt and there else ()
