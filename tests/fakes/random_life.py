"""Some resources of one operator, everybody who has a hand in them, and how it must end."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from apiserver import Failure
from deeds import EDITS, HANDS, TAKES_PODS
from lagging import Lagging
from moods import EXPORTERS, SERVERS, Exporters, Servers
from tracedmodel_operator.kinds import BY_NAME, CHILDREN, DEPLOYMENT, SERVICE, TRACED_MODEL, Kind
from tracedmodel_operator.names import MODEL
from truths import Truths

Object = dict[str, Any]
_REQUESTED_AT = "tracedmodel.dev/requested-at"


class RandomLife:
    """A cluster with an operator that lags, and what may be done to both."""

    def __init__(self, names: str, nodes: int) -> None:
        self.names = names
        self.operated = Lagging(nodes)
        self._exporters, self._servers = Exporters(), Servers()
        self.operated.controllers.jobs = self._exporters
        self.operated.controllers.servers = self._servers
        self._truths = Truths(self.operated, self._exporters, self._servers)
        self.operated.look_checks.append(self._truths.look)
        self._orphaned: set[str] = set()
        self._left: dict[str, set[str]] = {}
        for name in names:
            self.operated.apply(name=name)

    def item(self, name: str) -> Object | None:
        """Return a TracedModel unless it is being deleted."""
        there = self.operated.cluster.get(TRACED_MODEL, "search", name)
        return there if there and "deletionTimestamp" not in there["metadata"] else None

    def children(self, name: str, *kinds: Kind) -> list[Object]:
        """Return the children of a name."""
        found = (item for kind in kinds or CHILDREN for item in self.operated.cluster.objects(kind))
        return [item for item in found if item["metadata"]["labels"].get(MODEL) == name]

    def note(self) -> None:
        """Have the truths know what is rolled out."""
        for deployment in self.operated.cluster.objects(DEPLOYMENT):
            self._truths.note(deployment)

    def edit(self, name: str, edit: str) -> None:
        """Change a resource as a user does, or make it anew; the API server may refuse it."""
        if edit in TAKES_PODS:
            self._truths.excuse(name)
        there = self.item(name)
        self._left.pop(name, None)
        with suppress(Failure):
            self.operated.apply(EDITS[edit] if there else None, name=name)

    def ask_again(self, name: str, text: str) -> None:
        """Ask for a new export or a retry."""
        if self.item(name):
            self.operated.apply(name=name, annotations={_REQUESTED_AT: text})

    def delete(self, name: str, policy: str, *, amid: bool = False) -> None:
        """Delete a resource. Whoever is adopting its children amid that may well not notice, as any controller."""
        if self.item(name):
            self._truths.excuse(name)
            for child in self.children(name):
                self._truths.removed(BY_NAME[child["kind"]], child["metadata"]["name"], name)
            self.operated.cluster.delete(TRACED_MODEL, "search", name, policy)
            if policy == "Orphan":
                self._orphaned.add(name)
                self._left[name] = set() if amid else self._uids(name)

    def _uids(self, name: str) -> set[str]:
        """Return what serves without a resource too."""
        return {child["metadata"]["uid"] for child in self.children(name, DEPLOYMENT, SERVICE)}

    def by_hand(self, name: str, deed: str, number: int) -> None:
        """Do something to one of the children."""
        kind, patch = HANDS[deed]
        found = self.children(name, kind)
        if not found:
            return
        self._left.pop(name, None)
        child = found[number % len(found)]["metadata"]["name"]
        if patch is not None:
            self.operated.cluster.merge(kind, "search", child, patch)
            return
        self._truths.removed(kind, child, name)
        self.operated.cluster.delete(kind, "search", child)

    def fare(self, exporting: str, proving: str) -> None:
        """Have exporters and new servers fare so from now on."""
        self._exporters.mood, self._servers.mood = EXPORTERS[exporting], SERVERS[proving]

    def branches_move(self) -> None:
        """Have a floating revision mean another commit."""
        self._exporters.heads.append(f"{len(self._exporters.heads):040x}")

    def devices_fail(self, name: str, end: str) -> None:
        """Have the pods that serve crash."""
        deployment = self.operated.cluster.get(DEPLOYMENT, "search", name)
        if deployment and self._servers.fares_well(deployment):
            self._truths.excuse(name)
            self._servers.strike(deployment, end)

    def heal(self) -> None:
        """Let everything in the world succeed."""
        self._servers.heal()
        self._exporters.mood = EXPORTERS["honest"]

    def end(self) -> None:
        """Let everything be well, and check that it then is, that nobody does anything more, and that all can go."""
        self.operated.calm()
        self.operated.settle()
        for name, left in self._left.items():
            assert left <= self._uids(name), "an orphaning deletion was undone"
        self.heal()
        self.operated.persist()
        self._whatever_happened_all_can_be_ready()
        self._nothing_is_written_any_more()
        self._nothing_outlives_a_deletion()

    def _whatever_happened_all_can_be_ready(self) -> None:
        for item in self.operated.cluster.objects(TRACED_MODEL):
            name = item["metadata"]["name"]
            self.operated.apply(EDITS["resume"] | EDITS["lenient"], name=name)
            self.ask_again(name, "for the last time")
        self.operated.persist()
        for item in self.operated.cluster.objects(TRACED_MODEL):
            name = item["metadata"]["name"]
            assert self.operated.conditions(name)["Ready"] == "Succeeded"
            deployment = self.operated.cluster.get(DEPLOYMENT, "search", name)
            self._truths.is_truly_ready(item, deployment)

    def _nothing_is_written_any_more(self) -> None:
        self.operated.cluster.log.clear()
        self.operated.start()
        self.operated.settle()
        self.operated.later(3600)
        self.operated.expire_jobs()
        self.operated.settle()
        written = [f"{r.method} {r.path}" for r in self.operated.cluster.log if r.method != "GET"]
        assert written == []

    def _nothing_outlives_a_deletion(self) -> None:
        for item in self.operated.cluster.objects(TRACED_MODEL):
            self.operated.cluster.delete(TRACED_MODEL, "search", item["metadata"]["name"])
        self.operated.persist()
        assert self.operated.cluster.objects(TRACED_MODEL) == []
        for name in set(self.names) - self._orphaned:
            assert self.children(name) == []
