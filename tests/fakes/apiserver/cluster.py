"""The API server itself, without HTTP: a request in, an answer out."""

from __future__ import annotations

import copy
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

import crd_judge
from apiserver import discovery, reads, review, scale
from apiserver.access import Access, verb_of
from apiserver.admission import Admission
from apiserver.commit import Commits
from apiserver.failures import Failure, not_allowed
from apiserver.garbage import Garbage
from apiserver.owners import check_owners
from apiserver.registry import BY_KIND, DEFINITION, GROUPS, NAMESPACE, RESOURCES
from apiserver.removal import Removals
from apiserver.request import Options, Target, group_of, target_of
from apiserver.selectors import parse_labels
from apiserver.store import Database, decode, encode, key_of
from apiserver.watching import Subscription, Watch
from apiserver.writes import APPLY_TYPE, MERGE_TYPE, Writes
from tracedmodel_operator.kinds import TRACED_MODEL, Kind
from tracedmodel_operator.kube import Request, Response

Object = dict[str, Any]
SYSTEM = "system:masters"
"""Whoever is this may do everything, and is not in the log."""
_MANAGER = {"fieldManager": "test"}


def _utc_now() -> datetime:
    return datetime.now(timezone.utc)


class FakeCluster:
    """An API server in memory.

    ``clock`` gives the time, aware of its zone. ``log`` holds the newest requests, all of them for None;
    ``history`` is how many changes of a kind are remembered for watches and pages, all of them for None.
    With ``collect`` the garbage collector takes its turn after every write; without, call ``garbage.turn()``.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], datetime] = _utc_now,
        namespaces: Iterable[str] = ("default", "search"),
        log: int | None = None,
        history: int | None = None,
        collect: bool = True,
    ) -> None:
        self.log: deque[Request] = deque(maxlen=log)
        self.access = Access()
        self.admission = Admission()
        self.database = Database((resource.kind for resource in RESOURCES), history)
        commits = Commits(self.database, clock, self.admission)
        self._writes, self._removals = Writes(commits), Removals(commits)
        self.garbage = Garbage(commits, self._removals)
        self._collect = collect
        self.missing_groups: set[str] = set()
        """API groups that this cluster does not know."""
        self.guards_owners = False
        """Whether owners are given by those alone who may: :mod:`apiserver.owners`."""
        self.lock = threading.RLock()
        self._define()
        for name in namespaces:
            self.create(NAMESPACE, {"metadata": {"name": name}})

    def _define(self) -> None:
        definition = copy.deepcopy(crd_judge.definition())
        definition["metadata"] |= {"uid": "definition", "generation": 1}
        established = {"type": "Established", "status": "True", "reason": "InitialNamesAccepted"}
        definition["status"] = {"conditions": [established]}
        name = definition["metadata"]["name"]
        self.database.write(DEFINITION, key_of(None, name), definition)

    def _serves(self, group: str) -> bool:
        """Return whether a group is there; that of the custom resource is as long as its definition is."""
        if group != TRACED_MODEL.group:
            return group in GROUPS - self.missing_groups
        return bool(self.database.tables[DEFINITION].items)

    def handle(self, request: Request, user: str = "") -> Response:
        """Carry a request out and return the answer. The body is not kept, nor is the answer's."""
        with self.lock:
            if user != SYSTEM:
                self.log.append(request)
            try:
                return self._answer(request, user)
            except Failure as failure:
                return failure.response()

    def raw(self, request: Request, user: str = "") -> bytes | None:
        """Return what a request reads, as JSON, or None for what only :meth:`handle` can answer."""
        if not self._serves(group_of(request.path)) or discovery.discover(request.path):
            return None
        with self.lock:
            try:
                target = target_of(request)
                if user != SYSTEM:
                    self.access.check(target, verb_of("GET", target, watch=False))
                data = self.read(target, request.query)
            except Failure:
                return None
            if user != SYSTEM:
                self.log.append(request)
            return data

    def _answer(self, request: Request, user: str) -> Response:
        if request.path == review.PATH and request.method == "POST":
            access = None if user == SYSTEM else self.access
            return Response(201, review.review(access, request.body))
        if not self._serves(group_of(request.path)):
            return Response(404, "404 page not found\n")
        if request.method == "GET" and (found := discovery.discover(request.path)):
            return Response(200, found)
        target = target_of(request)
        if user != SYSTEM:
            self.access.check(target, verb_of(request.method, target, watch=False))
        if request.method == "GET":
            return Response(200, decode(self.read(target, request.query)))
        body = None if request.body is None else decode(encode(request.body))
        status, answer = self._write(request, target, body, user)
        if self._collect:
            self.garbage.turn()
        return Response(status, answer)

    def read(self, target: Target, query: Mapping[str, str]) -> bytes:
        """Return an object or a list as JSON; raises the answer if there is none."""
        if not target.name:
            page = reads.list_page(self.database, target, query)
            return reads.list_document(page, target.resource)
        stored = reads.find(self.database, target)
        if target.subresource == "scale":
            return encode(scale.show(stored.load(), target.resource))
        return stored.data

    def _write(self, request: Request, target: Target, body: Any, user: str) -> tuple[int, Object]:
        if request.method == "DELETE":
            return 200, self._delete(target, body, request.query)
        options = Options.of(request.query)
        there = self.database.find(target.resource.kind, target.key) if target.name else None
        if self.guards_owners and user != SYSTEM:
            check_owners(self.access, target, body, there.load() if there else None)
        if request.method == "POST":
            return 201, self._writes.create(target, body, options)
        if not target.name:
            raise not_allowed()
        if request.method == "PUT":
            return 200, self._writes.replace(target, body, options)
        if request.method != "PATCH":
            raise not_allowed()
        made = there is None and request.content_type == APPLY_TYPE
        if made and user != SYSTEM:
            self.access.check(target, "create")
        status = 201 if made else 200
        return status, self._writes.patch(target, body, request.content_type, options)

    def _delete(self, target: Target, body: Any, query: Mapping[str, str]) -> Object:
        if target.name:
            return self._removals.delete(target, body, query)
        page = reads.list_page(self.database, target, query)
        for stored in page.items:
            one = Target(target.resource, stored.namespace or None, stored.name)
            self._removals.delete(one, body, {})
        listed: Object = decode(reads.list_document(page, target.resource))
        return listed

    def watch(self, request: Request, user: str = "") -> Watch:
        """Begin a watch; raises the answer if there is nothing to watch."""
        with self.lock:
            if user != SYSTEM:
                self.log.append(request)
            target = target_of(request)
            if user != SYSTEM:
                self.access.check(target, "watch")
            return Watch(self.database, target, request.query)

    def subscribe(self, *kinds: Kind, selector: str = "") -> Subscription:
        """Return the changes from now on, of some kinds or of all, as a test may hand them to a cache."""
        return Subscription(self.database, kinds or tuple(BY_KIND), parse_labels(selector))

    def compact(self) -> None:
        """Forget every change: pages and watches that began before are too old."""
        for table in self.database.tables.values():
            table.forget(self.database.version)

    def get(self, kind: Kind, namespace: str | None, name: str) -> Object | None:
        """Return an object, or None if it is not there."""
        stored = self.database.find(kind, key_of(namespace, name))
        return stored.load() if stored else None

    def objects(self, kind: Kind, namespace: str | None = None) -> list[Object]:
        """Return all objects of a kind, by namespace and name."""
        table = self.database.tables[kind]
        return [table.items[key].load() for key in table.keys(namespace)]

    def create(self, kind: Kind, document: Object, **query: str) -> Object:
        """Create an object as another user; raises :class:`Failure` if it is refused. A status is kept."""
        metadata = document["metadata"]
        path = kind.path(metadata.get("namespace"))
        named = {"apiVersion": kind.api_version, "kind": kind.name, **document}
        made = self._as_system(Request("POST", path, {**_MANAGER, **query}, named))
        if document.get("status") and "status" in BY_KIND[kind].subresources:
            names = made["metadata"]
            return self.put_status(kind, names.get("namespace"), names["name"], document["status"])
        return made

    def merge(self, kind: Kind, namespace: str | None, name: str, patch: Object) -> Object:
        """Merge a patch into an object as another user."""
        return self._as_system(
            Request("PATCH", kind.path(namespace, name), _MANAGER, patch, MERGE_TYPE)
        )

    def put_status(self, kind: Kind, namespace: str | None, name: str, status: Object) -> Object:
        """Merge into the status of an object as another user; null takes a field away."""
        path = kind.path(namespace, name, "status")
        return self._as_system(Request("PATCH", path, _MANAGER, {"status": status}, MERGE_TYPE))

    def delete(
        self, kind: Kind, namespace: str | None, name: str, policy: str = "Background"
    ) -> Object:
        """Delete an object as another user, at once: a pod has no grace."""
        body = {"propagationPolicy": policy, "gracePeriodSeconds": 0}
        return self._as_system(Request("DELETE", kind.path(namespace, name), {}, body))

    def _as_system(self, request: Request) -> Object:
        response = self.handle(request, SYSTEM)
        body: Object = response.body
        if response.status >= 400:
            raise Failure(response.status, body.get("reason", ""), body["message"])
        return body
