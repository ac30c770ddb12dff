"""How exporters and servers fare in a random life, and what is truly so of artifacts whatever the operator thinks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from apiserver import rollouts
from apiserver.outcomes import (
    OOM_KILLED,
    Crashes,
    End,
    Ends,
    JobOutcome,
    Late,
    Runs,
    ServerOutcome,
    Unschedulable,
    Waits,
    ends,
)
from resources import COMMIT
from tracedmodel_api.buckets import Bucket
from tracedmodel_api.canonical import fingerprint
from tracedmodel_api.manifest import Limits
from tracedmodel_api.report import Report, Row
from tracedmodel_api.request import REQUEST_VARIABLE, ExportRequest
from tracedmodel_api.types import is_commit
from tracedmodel_operator.names import ARTIFACT

Object = dict[str, Any]
_NO_REPORT = End(0, "Completed", "a line of a log")
_PROOF, _DEVICE = End.failed("ProofFailed", "bucket 1x32 is off"), End.failed("StoreUnreachable")
_COARSE = Bucket(8, 128)
"""The bucket whose graph is off by more than a strict tolerance allows."""

Exporting = Callable[["Exporters", ExportRequest], JobOutcome]


def graph_digest(request: ExportRequest, revision: str, bucket: Bucket) -> str:
    """Return the digest of the graph that an honest exporter makes."""
    kind = [request.source, revision, request.precision.value, bucket.as_json()]
    return fingerprint(kind)


class Exporters:
    """Ends Jobs by the mood of the moment. ``verified`` holds by which limits a graph passed, and ``errors`` its error."""

    def __init__(self) -> None:
        self.mood: Exporting = honest
        self.heads = [COMMIT]
        """What a floating revision meant; the last is what it means now."""
        self.verified: dict[str, list[Limits]] = {}
        self.errors: dict[str, float] = {}

    def __call__(self, job: Object) -> JobOutcome:
        """Return what becomes of a Job now."""
        return self.mood(self, request_of(job))

    def revision(self, request: ExportRequest) -> str:
        """Return the commit that a request means now."""
        return request.revision if is_commit(request.revision) else self.heads[-1]

    def report(self, request: ExportRequest, buckets: tuple[Bucket, ...]) -> Report:
        """Return the report of an exporter that judged every graph and found it good, or failed."""
        rows = tuple(self._row(request, bucket) for bucket in buckets)
        missed = [row for row in rows if (row.error or 0) > request.limits.absolute]
        if missed:
            return Report(reason="ToleranceMissed", message=f"{missed[0].bucket} is off")
        for row in rows:
            self.verified.setdefault(row.digest, []).append(request.limits)
        files = (("model.json", fingerprint(request.source)), ("tokenizer.json", "c" * 64))
        return Report(rows, self.revision(request), 22_000_000, files)

    def _row(self, request: ExportRequest, bucket: Bucket) -> Row:
        digest = graph_digest(request, self.revision(request), bucket)
        error = 5e-5 if bucket == _COARSE else 1e-6
        self.errors[digest] = error
        return Row(bucket, digest, 230_000, error, 1.0, 5000, 6000, 8000)


def request_of(job: Object) -> ExportRequest:
    """Return what a Job asks of its exporter."""
    containers = job["spec"]["template"]["spec"]["containers"]
    given = {v["name"]: v.get("value") for c in containers for v in c.get("env", ())}
    return ExportRequest.model_validate_json(given[REQUEST_VARIABLE])


def _shares(request: ExportRequest) -> tuple[tuple[Bucket, ...], ...]:
    shared = request.parallelism > 1
    return tuple(map(request.share, range(request.parallelism) if shared else (None,)))


def honest(world: Exporters, request: ExportRequest) -> Ends:
    """Export everything, unless a graph misses the tolerance."""
    return ends(*(world.report(request, share) for share in _shares(request)))


def half(world: Exporters, request: ExportRequest) -> Ends:
    """Let the first pod succeed and the others lose the store; a Job of one pod loses it."""
    first, *others = _shares(request)
    good = [world.report(request, first)] if others else []
    return ends(*good, End.failed("StoreUnreachable"))


def at_odds(world: Exporters, request: ExportRequest) -> Ends:
    """Let each pod have read other files."""
    reports = [world.report(request, share) for share in _shares(request)]
    return ends(*(replace(r, parameters=22_000_000 + number) for number, r in enumerate(reports)))


def lacking(world: Exporters, request: ExportRequest) -> Ends:
    """Leave the last bucket out of the report."""
    return ends(world.report(request, tuple(shape.bucket() for shape in request.buckets)[:-1]))


def _always(outcome: JobOutcome) -> Exporting:
    return lambda _, __: outcome


EXPORTERS: dict[str, Exporting] = {
    "honest": honest,
    "half": half,
    "at odds": at_odds,
    "lacking": lacking,
    "running": _always(Runs()),
    "waiting": _always(Waits()),
    "unschedulable": _always(Unschedulable()),
    "late": _always(Late()),
    "failing": _always(ends(End.failed("ModelNotFound"))),
    "unreachable": _always(ends(End.failed("StoreUnreachable"))),
    "out of memory": _always(ends(OOM_KILLED)),
    "evicted": _always(ends(End(137, "Evicted"))),
    "mute": _always(ends(_NO_REPORT)),
}

SERVERS: dict[str, ServerOutcome] = {
    "ready": Runs(),
    "starting": Runs(ready=False),
    "waiting": Waits(),
    "unschedulable": Unschedulable(),
    "stuck": Late(Unschedulable()),
    "device": Crashes(_DEVICE),
    "proof": Crashes(_PROOF),
}
"""How servers of a new template fare."""


class Servers:
    """Pods fare by their template as the mood was when it was first seen. An artifact that is bad stays so."""

    def __init__(self) -> None:
        self.mood: ServerOutcome = Runs()
        self.bad: set[str] = set()
        """Artifacts that no server can prove."""
        self.was_bad: set[str] = set()
        """Those that ever failed a proof, be it for a device."""
        self.good: set[str] = set()
        """Artifacts that a server proved."""
        self._fates: dict[str, ServerOutcome] = {}
        self._restarts: dict[str, int] = {}

    def __call__(self, deployment: Object) -> ServerOutcome:
        """Return what becomes of the pods of a Deployment's template."""
        template, artifact = rollouts.template_hash(deployment), artifact_of(deployment)
        if template not in self._fates:
            self._fates[template] = self._judge(artifact)
        fate = self._fates[template]
        if isinstance(fate, Runs) and fate.ready:
            self.good.add(artifact)
        if not isinstance(fate, Crashes):
            return fate
        times = self._restarts.get(template, 0)
        self._restarts[template] = min(3, times + 1)
        return replace(fate, restarts=times)

    def _judge(self, artifact: str) -> ServerOutcome:
        if self.mood == SERVERS["proof"] and artifact not in self.good:
            self.bad.add(artifact)
            self.was_bad.add(artifact)
        if artifact in self.bad:
            return SERVERS["proof"]
        return Runs() if self.mood == SERVERS["proof"] else self.mood

    def heal(self) -> None:
        """Let every server come up."""
        self.mood = Runs()
        self.bad.clear()
        self._fates = dict.fromkeys(self._fates, Runs())
        self._restarts.clear()

    def strike(self, deployment: Object, end: str) -> None:
        """Have the pods of a template crash that may have served."""
        self._fates[rollouts.template_hash(deployment)] = Crashes(End.failed(end))
        if end == "ProofFailed":
            self.was_bad.add(artifact_of(deployment))

    def fares_well(self, deployment: Object) -> bool:
        """Tell whether the pods of a template come up and stay."""
        return self._fates.get(rollouts.template_hash(deployment)) == Runs()


def artifact_of(deployment: Object) -> str:
    """Return the artifact that a Deployment's pods serve."""
    annotations = deployment["spec"]["template"]["metadata"].get("annotations") or {}
    return str(annotations.get(ARTIFACT, ""))
