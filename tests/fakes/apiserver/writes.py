"""Create, replace and patch, by whatever content type."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from apiserver import apply, custom, scale
from apiserver.commit import Commits, same_version
from apiserver.failures import Failure, bad_request, conflict, invalid, not_found, unversioned
from apiserver.managed import APPLY, UPDATE, Writer
from apiserver.patch import json_patch, merge_patch
from apiserver.registry import Resource
from apiserver.request import ANONYMOUS, Options, Target, received
from apiserver.store import Stored

Object = dict[str, Any]
Change = Callable[[Object], Any]
APPLY_TYPE = "application/apply-patch+yaml"
MERGE_TYPE = "application/merge-patch+json"
JSON_PATCH_TYPE = "application/json-patch+json"
_CHANGES = {MERGE_TYPE: merge_patch, JSON_PATCH_TYPE: json_patch}
_SUFFIX = "bcdfghjklmnpqrstvwxz2456789"


class Writes:
    """Understands what is to be written, and commits it."""

    def __init__(self, commits: Commits) -> None:
        self._commits = commits
        self._database = commits.database
        self._suffixes = random.Random(0)

    def live(self, target: Target) -> Stored:
        """Return the object that a target names; raises the answer if it is not there."""
        stored = self._database.find(target.resource.kind, target.key)
        if stored is None:
            raise not_found(target.resource, target.name)
        return stored

    def create(self, target: Target, body: Any, options: Options) -> Object:
        """Create an object."""
        document = _received(target, body, options)
        metadata = document["metadata"]
        if metadata.get("resourceVersion"):
            raise Failure(500, "", "resourceVersion should not be set on objects to be created")
        if not metadata.get("name"):
            metadata["name"] = self._generated(metadata, target.resource)
        named = Target(target.resource, target.namespace, metadata["name"])
        return self._commits.insert(named, document, _writer(target, options, UPDATE), options)

    def _generated(self, metadata: Object, resource: Resource) -> str:
        prefix = metadata.get("generateName")
        if not prefix:
            problem = ("metadata.name", "Required value: name or generateName is required")
            raise invalid(resource, "", problem)
        return f"{prefix}{''.join(self._suffixes.choices(_SUFFIX, k=5))}"

    def replace(self, target: Target, body: Any, options: Options) -> Object:
        """Replace an object, or its status or scale."""
        if target.subresource == "scale":
            return self._rescale(target, self.live(target), lambda _: body, options)
        document = _received(target, body, options)
        stored = self.live(target)
        uid = document["metadata"].get("uid")
        if uid and uid != stored.uid:
            why = (
                f"Precondition failed: UID in precondition: {uid}, UID in object meta: {stored.uid}"
            )
            raise conflict(target.resource, target.name, why)
        if target.resource.versioned and not document["metadata"].get("resourceVersion"):
            raise unversioned(target.resource, target.name)
        return self._update(target, stored, document, options)

    def patch(self, target: Target, body: Any, content_type: str, options: Options) -> Object:
        """Patch an object, or its status or scale, in the way that the content type says."""
        if content_type == APPLY_TYPE:
            return self._apply(target, body, options)
        if content_type not in _CHANGES:
            known = ", ".join((*_CHANGES, APPLY_TYPE))
            message = f"the body of the request was in an unknown format - accepted media types include: {known}"  # fmt: skip
            raise Failure(415, "UnsupportedMediaType", message)

        def change(document: Object) -> Any:
            return _CHANGES[content_type](document, body)

        stored = self.live(target)
        if target.subresource == "scale":
            return self._rescale(target, stored, change, options)
        document = _received(target, change(stored.load()), options)
        return self._update(target, stored, document, options)

    def _update(self, target: Target, stored: Stored, document: Object, options: Options) -> Object:
        writer = _writer(target, options, UPDATE)
        return self._commits.update(target, stored, document, writer, options)

    def _rescale(self, target: Target, stored: Stored, change: Change, options: Options) -> Object:
        document = stored.load()
        wanted = change(scale.show(document, target.resource))
        count = scale.part(scale.replicas_in(wanted, target.name), target.resource)
        version = (wanted.get("metadata") or {}).get("resourceVersion")
        same_version(target, stored, {"metadata": {"resourceVersion": version}})
        scaled = self._update(target, stored, merge_patch(document, count), options)
        return scale.show(scaled, target.resource)

    def _apply(self, target: Target, body: Any, options: Options) -> Object:
        if options.manager == ANONYMOUS:
            problem = "fieldManager: Required value: is required for apply patch"
            raise Failure(422, "Invalid", f'PatchOptions.meta.k8s.io "" is invalid: {problem}')
        if target.subresource == "scale":
            return self._apply_scale(target, body, options)
        sent = received(target, body)
        if sent["metadata"].get("managedFields") is not None:
            raise bad_request("metadata.managedFields must be nil")
        if target.resource.custom:
            custom.refuse_untyped(sent, target.resource)
        stored = self._database.find(target.resource.kind, target.key)
        if stored is None:
            return self._apply_new(target, sent, options)
        same_version(target, stored, sent)
        document = self._laid_over(target, stored.load(), _own_part(target, sent), options)
        return self._commits.update(target, stored, document, None, options)

    def _apply_new(self, target: Target, sent: Object, options: Options) -> Object:
        uid = sent["metadata"].get("uid")
        if uid:
            why = f"uid mismatch: the provided object specified uid {uid}, and no existing object was found"  # fmt: skip
            raise conflict(target.resource, target.name, why)
        if target.subresource:
            raise not_found(target.resource, target.name)
        blank = {**sent, "metadata": {"name": target.name}}
        blank = {key: blank[key] for key in ("apiVersion", "kind", "metadata")}
        document = self._laid_over(target, blank, _own_part(target, sent), options)
        document["metadata"] |= {"namespace": target.namespace} if target.namespace else {}
        return self._commits.insert(target, document, None, options)

    def _apply_scale(self, target: Target, body: Any, options: Options) -> Object:
        stored = self.live(target)
        sent = scale.part(scale.replicas_in(body, target.name), target.resource)
        document = self._laid_over(target, stored.load(), {**sent, "metadata": {}}, options)
        scaled = self._commits.update(target, stored, document, None, options)
        return scale.show(scaled, target.resource)

    def _laid_over(self, target: Target, live: Object, sent: Object, options: Options) -> Object:
        writer = _writer(target, options, APPLY)
        now = self._commits.now()
        return apply.apply(live, sent, target.resource, writer, now, force=options.force)


def _writer(target: Target, options: Options, operation: str) -> Writer:
    version = target.resource.kind.api_version
    return Writer(options.manager, operation, version, target.subresource)


def _received(target: Target, body: Any, options: Options) -> Object:
    document = received(target, body)
    if options.strict and target.resource.custom:
        custom.refuse_unknown(document, target.resource)
    return document


def _own_part(target: Target, sent: Object) -> Object:
    """Return what an apply may set: by the status subresource the status alone, else all but that."""
    if target.subresource == "status":
        return {"status": sent.get("status", {}), "metadata": {}}
    if "status" in target.resource.subresources:
        return {key: part for key, part in sent.items() if key != "status"}
    return sent
