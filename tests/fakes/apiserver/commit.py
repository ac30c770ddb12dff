"""What every write goes through at last: completed, checked, admitted, numbered and stored."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from apiserver import custom, defaults, managed, rules
from apiserver.admission import CREATE, UPDATE, Admission
from apiserver.failures import (
    already_exists,
    conflict,
    forbidden,
    invalid,
    not_found,
)
from apiserver.managed import Writer
from apiserver.registry import NAMESPACE, Resource
from apiserver.request import Options, Target, namespace_target
from apiserver.store import Database, Stored

Object = dict[str, Any]
_KEPT = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "resourceVersion",
    "uid",
)


class Commits:
    """The last step of every write on a database."""

    def __init__(
        self, database: Database, clock: Callable[[], datetime], admission: Admission
    ) -> None:
        self.database = database
        self.clock = clock
        self._admission = admission
        self._made = 0

    def now(self) -> str:
        """Return the time as objects carry it."""
        return stamp(self.clock())

    def insert(
        self, target: Target, document: Object, writer: Writer | None, options: Options
    ) -> Object:
        """Store a new object; ``writer`` is who owns its fields, None where that stands in it already."""
        resource = target.resource
        self._check_namespace(target)
        if "status" in resource.subresources:
            document.pop("status", None)
        self._identify(document, resource)
        document = _complete(document, resource)
        if writer:
            managed.track({}, document, resource, writer, self.now())
        defaults.furnish(document, resource)
        _check(document, None, resource)
        self.review(CREATE, target, document)
        if self.database.find(resource.kind, target.key):
            raise already_exists(resource, target.name)
        if not options.dry_run:
            self.database.write(resource.kind, target.key, document)
        return document

    def _check_namespace(self, target: Target) -> None:
        if target.namespace is None:
            return
        home = namespace_target(target.namespace)
        stored = self.database.find(NAMESPACE, home.key)
        if stored is None:
            raise not_found(home.resource, home.name)
        if stored.deleting:
            why = f"unable to create new content in namespace {home.name} because it is being terminated"  # fmt: skip
            raise forbidden(target.resource, target.name, why)

    def _identify(self, document: Object, resource: Resource) -> None:
        self._made += 1
        metadata = document["metadata"]
        for key in _KEPT:
            metadata.pop(key, None)
        metadata["uid"] = f"{self._made:08x}-0000-4000-8000-{self._made:012x}"
        metadata["creationTimestamp"] = self.now()
        if resource.generation:
            metadata["generation"] = 1

    def update(
        self,
        target: Target,
        stored: Stored,
        document: Object,
        writer: Writer | None,
        options: Options,
    ) -> Object:
        """Store the next version of an object, or nothing if it is the same; for ``writer`` see insert."""
        resource, old = target.resource, stored.load()
        same_version(target, stored, document)
        new = _writable(document, old, target)
        new = _complete(new, resource)
        if writer:
            managed.track(old, new, resource, writer, self.now())
        if resource.generation and new.get("spec") != old.get("spec"):
            new["metadata"]["generation"] += 1
        if _same(old, new):
            return old
        _check(new, old, resource)
        self.review(UPDATE, target, new)
        if not options.dry_run:
            self.keep(target, new)
        return new

    def review(self, operation: str, target: Target, document: Object) -> None:
        """Raise the answer to a write that admission refuses."""
        self._admission.review(operation, target, document, self.database)

    def keep(self, target: Target, document: Object) -> None:
        """Store an object, or let it go if it is being deleted and nothing holds it any more."""
        metadata = document["metadata"]
        waits = metadata.get("finalizers") or metadata.get("deletionGracePeriodSeconds")
        kind = target.resource.kind
        if "deletionTimestamp" in metadata and not waits:
            self.database.remove(kind, target.key, document)
        else:
            self.database.write(kind, target.key, document)


def stamp(moment: datetime) -> str:
    """Return a moment as objects carry it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def same_version(target: Target, stored: Stored, document: Object) -> None:
    """Raise a conflict if a write is meant for another version of the object, or another object."""
    metadata = document["metadata"]
    uid, version = metadata.get("uid"), metadata.get("resourceVersion")
    # Whoever writes a status writes that of whatever object has the name.
    if uid and uid != stored.uid and not target.subresource:
        problem = ("metadata.uid", f'Invalid value: "{uid}": field is immutable')
        raise invalid(target.resource, target.name, problem)
    if version and version != str(stored.version):
        raise conflict(target.resource, target.name)


def _writable(document: Object, old: Object, target: Target) -> Object:
    """Return what a write may make of an object: its status by that subresource, the rest by the object itself."""
    if target.subresource == "status":
        status = {"status": document["status"]} if document.get("status") is not None else {}
        metadata = dict(old["metadata"])
        if "managedFields" in document["metadata"]:
            metadata["managedFields"] = document["metadata"]["managedFields"]
        rest = {key: part for key, part in old.items() if key != "status"}
        return {**rest, **status, "metadata": metadata}
    kept = {key: old["metadata"][key] for key in _KEPT if key in old["metadata"]}
    metadata = {k: v for k, v in document["metadata"].items() if k not in _KEPT}
    new = {**document, "metadata": {**metadata, **kept}}
    if "status" in target.resource.subresources:
        new.pop("status", None)
        new |= {"status": old["status"]} if "status" in old else {}
    return new


def _complete(document: Object, resource: Resource) -> Object:
    rules.refuse_unreadable(document, resource)
    owners = document["metadata"].pop("managedFields", None)
    fill = custom.complete if resource.custom else defaults.complete
    document = fill(document, resource)
    metadata = document["metadata"]
    metadata |= {} if owners is None else {"managedFields": owners}
    for field in ("labels", "annotations"):
        texts = {key: text or "" for key, text in (metadata.pop(field, None) or {}).items()}
        metadata |= {field: texts} if texts else {}
    for field in ("finalizers", "ownerReferences"):
        metadata |= {field: found} if (found := metadata.pop(field, None)) else {}
    return document


def _check(document: Object, old: Object | None, resource: Resource) -> None:
    problems = list(rules.problems(document, old, resource))
    if resource.custom:
        problems += custom.problems(document)
    if problems:
        raise invalid(resource, document["metadata"]["name"], *problems)


def _same(old: Object, new: Object) -> bool:
    """Return whether nothing changed but times of managedFields."""
    return old == new or _timeless(old) == _timeless(new)


def _timeless(document: Object) -> Object:
    metadata = dict(document["metadata"])
    entries = metadata.get("managedFields") or ()
    metadata["managedFields"] = [{k: v for k, v in e.items() if k != "time"} for e in entries]
    return {**document, "metadata": metadata}
