"""What the API server checks of metadata and of built-in kinds, as far as the operator could break it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from apiserver.failures import bad_request
from apiserver.registry import Resource
from tracedmodel_operator.kinds import CONFIG_MAP, DEPLOYMENT, JOB, LEASE, SERVICE

Object = dict[str, Any]
Problem = tuple[str, str]

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_SERVICE_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_MICRO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)")
_LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_MAX_NAME, _MAX_LABEL = 253, 63
_NAME_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
    "and must start and end with an alphanumeric character (e.g. 'example.com', regex used for "
    "validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_SERVICE_RULE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must "
    "start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for "
    "validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_LABEL_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and "
    "must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', "
    "regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_ONE_CONTROLLER = "Invalid value: Only one reference can have Controller set to true"
_NO_NEW_FINALIZERS = (
    "Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers"
)
_UNMATCHED = "Invalid value: `selector` does not match template `labels`"
_IMMUTABLE = {
    DEPLOYMENT: ("selector",),
    JOB: (
        "backoffLimitPerIndex",
        "completionMode",
        "completions",
        "podFailurePolicy",
        "selector",
        "template",
    ),
}


def refuse_unreadable(document: Object, resource: Resource) -> None:
    """Raise the answer to what Go cannot read: a Lease's times have microseconds, always."""
    spec = document.get("spec") or {}
    for field in ("acquireTime", "renewTime") if resource.kind == LEASE else ():
        text = spec.get(field)
        if text is not None and not _MICRO_TIME.fullmatch(text):
            why = f'parsing time "{text}" as "2006-01-02T15:04:05.000000Z07:00": cannot parse'
            raise bad_request(f'Lease in version "v1" cannot be handled as a Lease: {why}')


def problems(document: Object, old: Object | None, resource: Resource) -> Iterator[Problem]:
    """Return what breaks a rule: a field and what is wrong with it each; ``old`` is what is replaced."""
    yield from _metadata(document["metadata"], resource)
    if old is not None:
        yield from _changes(document, old, resource)
    yield from _workload(document, resource)


def _metadata(metadata: Object, resource: Resource) -> Iterator[Problem]:
    name = metadata["name"]
    pattern, rule, most = _SUBDOMAIN, _NAME_RULE, _MAX_NAME
    if resource.kind == SERVICE:
        pattern, rule, most = _SERVICE_NAME, _SERVICE_RULE, _MAX_LABEL
    if not pattern.fullmatch(name):
        yield "metadata.name", f'Invalid value: "{name}": {rule}'
    if len(name) > most:
        yield "metadata.name", f'Invalid value: "{name}": must be no more than {most} bytes'
    for value in (metadata.get("labels") or {}).values():
        if not _LABEL_VALUE.fullmatch(value):
            yield "metadata.labels", f'Invalid value: "{value}": {_LABEL_RULE}'
        if len(value) > _MAX_LABEL:
            why = f"must be no more than {_MAX_LABEL} bytes"
            yield "metadata.labels", f'Invalid value: "{value}": {why}'
    owners = metadata.get("ownerReferences") or ()
    if sum(bool(owner.get("controller")) for owner in owners) > 1:
        yield "metadata.ownerReferences", _ONE_CONTROLLER


def _changes(document: Object, old: Object, resource: Resource) -> Iterator[Problem]:
    metadata, before = document["metadata"], old["metadata"]
    if "deletionTimestamp" in before:
        known = before.get("finalizers") or []
        new = [name for name in metadata.get("finalizers") or () if name not in known]
        if new:
            listed = "[]string{" + ", ".join(f'"{name}"' for name in new) + "}"
            yield "metadata.finalizers", f"{_NO_NEW_FINALIZERS} {listed}"
    for field in _IMMUTABLE.get(resource.kind, ()):
        if document["spec"].get(field) != old["spec"].get(field):
            yield f"spec.{field}", "Invalid value: field is immutable"
    if resource.kind == CONFIG_MAP and old.get("immutable"):
        if not document.get("immutable"):
            yield "immutable", "Forbidden: field is immutable when `immutable` is set"
        for field in ("data", "binaryData"):
            if document.get(field) != old.get(field):
                yield field, "Forbidden: field is immutable when `immutable` is set"


def _workload(document: Object, resource: Resource) -> Iterator[Problem]:
    if resource.kind not in (DEPLOYMENT, JOB):
        return
    spec = document["spec"]
    template = spec["template"]
    labels = template["metadata"].get("labels") or {}
    wanted = (spec.get("selector") or {}).get("matchLabels") or {}
    if not wanted:
        yield "spec.selector", "Required value"
    elif not wanted.items() <= labels.items():
        yield "spec.template.metadata.labels", _UNMATCHED
    policy = template["spec"].get("restartPolicy")
    allowed = ("OnFailure", "Never") if resource.kind == JOB else ("Always",)
    if policy not in allowed:
        listed = ", ".join(f'"{name}"' for name in allowed)
        yield "spec.template.spec.restartPolicy", f"Required value: valid values: {listed}"
    if not template["spec"].get("containers"):
        yield "spec.template.spec.containers", "Required value"
