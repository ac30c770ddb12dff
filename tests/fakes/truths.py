"""What must be true after every look of the operator, judged by the cluster itself."""

from __future__ import annotations

from typing import Any

from asked import (
    conditions_are_legal,
    generations_only_grow,
    index_in,
    is_served,
    is_true,
    request_for,
    rolled_out,
    surges,
    template_of,
    wanted_graphs,
)
from lagging import Lagging, Look
from moods import Exporters, Servers, artifact_of
from tracedmodel_api.manifest import Limits
from tracedmodel_operator.artifacts import no_stricter
from tracedmodel_operator.exports import identity_of
from tracedmodel_operator.kinds import CONFIG_MAP, DEPLOYMENT, JOB, POD, TRACED_MODEL, Kind
from tracedmodel_operator.names import ARTIFACT, ATTEMPT, FINGERPRINT, MODEL, REQUEST

Object = dict[str, Any]
Number = tuple[str, str, int]
"""The uid of a resource, the base of an export, and the number of the attempt."""


class Truths:
    """The checks, and what they must remember. A resource is excused of being unavailable once it was made so."""

    def __init__(self, operated: Lagging, exporters: Exporters, servers: Servers) -> None:
        self._operated = operated
        self._exporters, self._servers = exporters, servers
        self._excused: set[str] = set()
        self._last: dict[str, Object] = {}
        self._rolled_out: set[tuple[str, str]] = set()
        self._proved: dict[str, str] = {}
        self._removed: set[str] = set()
        self._requests: dict[Number, str] = {}
        self._expiring: set[str] = set()

    def excuse(self, name: str) -> None:
        """Know that a user or the world takes the pods of a resource away, or lets the operator do it."""
        self._excused.add(name)

    def removed(self, kind: Kind, name: str, model: str) -> None:
        """Know that somebody removes a child by hand."""
        if kind in (DEPLOYMENT, POD):
            self.excuse(model)
        self._removed.add(name)

    def look(self, look: Look) -> None:
        """Check all that can be told after a look."""
        self.note(look.deployment)
        self._one_live_job(look.key[1])
        self._every_index_was_verified()
        self._no_attempt_is_used_twice()
        self._only_recorded_jobs_expire(look)
        if look.after is None or "deletionTimestamp" in look.after["metadata"]:
            return
        self._every_pod_has_its_index(look.key[1])
        before = self._last.get(look.after["metadata"]["uid"], {})
        after = look.after.get("status") or {}
        if after.get("observedGeneration", -1) >= 0:
            conditions_are_legal(after, before)
            generations_only_grow(look.after, before)
            self._stays_available(look, before)
            self._rejects_what_is_bad(look, before)
            self._replaces_no_pods_for_worse(look, before)
            if is_true(after, "Ready"):
                self._is_ready(look)
        self._last[look.after["metadata"]["uid"]] = after

    def note(self, deployment: Object | None) -> None:
        """Take note of what is rolled out."""
        if deployment and rolled_out(deployment):
            self._rolled_out.add((deployment["metadata"]["name"], artifact_of(deployment)))

    def _of(self, kind: Kind, name: str) -> list[Object]:
        found = self._operated.cluster.objects(kind)
        return [item for item in found if item["metadata"]["labels"].get(MODEL) == name]

    def _one_live_job(self, name: str) -> None:
        jobs = {job["metadata"]["name"] for job in self._of(JOB, name)}
        live = jobs & set(self._operated.live_jobs())
        assert len(live) <= 1, f"two exports run: {live}"

    def _every_index_was_verified(self) -> None:
        for item in self._operated.cluster.objects(CONFIG_MAP):
            index = index_in(item)
            for graph in index.graphs:
                assert self._passed(graph, index.limits), f"nobody verified a graph of {index}"

    def _passed(self, graph: str, limits: Limits) -> bool:
        judged = self._exporters.verified.get(graph, ())
        within = self._exporters.errors.get(graph, 1.0) <= limits.absolute
        return bool(judged) and (within or any(no_stricter(limits, j) for j in judged))

    def _every_pod_has_its_index(self, name: str) -> None:
        there = {item["metadata"]["name"] for item in self._of(CONFIG_MAP, name)}
        for pod in self._of(POD, name):
            if "deletionTimestamp" in pod["metadata"]:
                continue
            volumes = pod["spec"].get("volumes") or ()
            needed = {volume["configMap"]["name"] for volume in volumes if "configMap" in volume}
            assert needed <= there | self._removed, f"{pod['metadata']['name']} lost its index"

    def _no_attempt_is_used_twice(self) -> None:
        """Check the numbers of Jobs that are there, or that a status names."""
        there = {}
        for job in self._operated.cluster.objects(JOB):
            metadata, told = job["metadata"], job["metadata"]["annotations"]
            (owner,) = metadata.get("ownerReferences") or [metadata]
            there[owner["uid"], told[FINGERPRINT], int(told[ATTEMPT])] = told[REQUEST]
        statuses = {i["metadata"]["uid"]: i for i in self._operated.cluster.objects(TRACED_MODEL)}
        self._requests = {
            number: request
            for number, request in self._requests.items()
            if number in there or _is_named(number, statuses.get(number[0]))
        }
        for number, request in there.items():
            first = self._requests.setdefault(number, request)
            assert first == request, f"attempt {number} was another request's"

    def _only_recorded_jobs_expire(self, look: Look) -> None:
        for job in self._of(JOB, look.key[1]):
            uid = job["metadata"]["uid"]
            expires = job["spec"].get("ttlSecondsAfterFinished") is not None
            if expires and uid not in self._expiring and look.after and look.informed:
                self._is_recorded(job, look.after)
            self._expiring |= {uid} if expires else set()

    def _is_recorded(self, job: Object, item: Object) -> None:
        """Check a Job that may be removed: its outcome is wanted no more, or it stands in the status."""
        told, status = job["metadata"]["annotations"], item.get("status") or {}
        if told[REQUEST] != identity_of(*request_for(item, self._operated.settings)):
            return
        export = status.get("export") or {}
        failed = export["attempt"] + bool(export.get("failure")) > int(told[ATTEMPT])
        kept = {index_in(item).identity() for item in self._operated.cluster.objects(CONFIG_MAP)}
        made = (status.get("artifact") or {}).get("digest") in kept
        assert failed or made, f"{job['metadata']['name']} expires, and nobody knows how it ended"

    def _stays_available(self, look: Look, before: Object) -> None:
        assert look.after
        name, after = look.key[1], look.after["status"]
        if is_true(before, "Available") and not is_true(after, "Available"):
            assert name in self._excused, f"{name} became unavailable: {after['conditions']}"
        deployment = self._operated.cluster.get(DEPLOYMENT, *look.key)
        if not deployment or not look.informed or not rolled_out(deployment):
            return
        if surges(look.after, deployment) and deployment["spec"]["replicas"]:
            self._excused -= {name} if self._servers.fares_well(deployment) else set()

    def _rejects_what_is_bad(self, look: Look, before: Object) -> None:
        assert look.after
        uid, serving = look.after["metadata"]["uid"], look.after["status"].get("serving") or {}
        rejected, old = serving.get("rejected"), (before.get("serving") or {}).get("rejected")
        if rejected and rejected != old:
            digest = rejected["artifactDigest"]
            assert digest in self._servers.was_bad, "a good artifact was given up"
            assert digest != self._proved.get(uid), "a proved artifact was given up"
        template = template_of(look.deployment)
        for pod in self._of(POD, look.key[1]) if look.informed else ():
            conditions = (pod.get("status") or {}).get("conditions") or ()
            up = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
            if up and template and template_of(pod) == template:
                self._proved[uid] = pod["metadata"]["annotations"][ARTIFACT]

    def _replaces_no_pods_for_worse(self, look: Look, before: Object) -> None:
        """Check that neither a suspended resource nor one that gave an artifact up rolls it out."""
        assert look.after
        after, now = look.after["status"], self._operated.cluster.get(DEPLOYMENT, *look.key)
        if not (look.deployment and now) or template_of(look.deployment) == template_of(now):
            return
        if look.informed and look.after["spec"].get("suspend"):
            assert (after.get("serving") or {}).get("rejected"), "a suspended resource rolls out"
        rejected = (before.get("serving") or {}).get("rejected") or {}
        same = rejected.get("fingerprint") == (after.get("artifact") or {}).get("fingerprint")
        if same and not self._removed:
            assert artifact_of(now) != rejected.get("artifactDigest"), "it was given up"

    def _is_ready(self, look: Look) -> None:
        assert look.after
        name, status = look.key[1], look.after["status"]
        digest = status["artifact"]["digest"]
        truths = {kind: is_true(status, kind) for kind in ("Exported", "Available")}
        assert truths == {"Exported": True, "Available": True}
        assert not is_true(status, "Reconciling")
        assert not is_true(status, "Stalled")
        assert status["serving"]["artifactDigest"] == digest
        assert (name, digest) in self._rolled_out, "it never was rolled out"
        if look.informed and look.undisturbed:
            self.is_truly_ready(look.after, look.deployment)

    def is_truly_ready(self, item: Object, deployment: Object | None) -> None:
        """Check a resource that says it is ready against the cluster."""
        is_served(item, deployment)
        now = self._operated.cluster.get(DEPLOYMENT, "search", item["metadata"]["name"])
        assert template_of(now) == template_of(deployment), "its pods are about to be replaced"
        digest = item["status"]["artifact"]["digest"]
        indexes = map(index_in, self._of(CONFIG_MAP, item["metadata"]["name"]))
        kept = next((index for index in indexes if index.identity() == digest), None)
        assert kept, "its index is gone"
        wanted = wanted_graphs(item, self._operated.settings, self._exporters)
        assert set(kept.graphs) in wanted, "something else is served"


def _is_named(number: Number, item: Object | None) -> bool:
    """Tell whether a status knows of an attempt."""
    export = ((item or {}).get("status") or {}).get("export") or {}
    return export.get("fingerprint") == number[1] and export.get("attempt", 0) >= number[2]
