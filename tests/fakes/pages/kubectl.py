"""`kubectl` on a page, without a cluster: its words, the kinds, files, fields and conditions that they name."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator

import yaml

from pages import documents, tables
from pages.arguments import Words
from pages.blocks import Refused
from pages.desk import Desk
from pages.kustomizations import texts
from pages.shell import Command
from tracedmodel_api import conditions

_OURS = {"tm", "tracedmodel", "tracedmodels", "tracedmodels.tracedmodel.dev"}
_CORE = """
    all configmaps configmap cm cronjobs cronjob cj customresourcedefinitions customresourcedefinition crds crd
    deployments deployment deploy endpointslices endpointslice events event ev horizontalpodautoscalers hpa jobs job
    leases lease namespaces namespace ns networkpolicies networkpolicy netpol nodes node no persistentvolumeclaims pvc
    poddisruptionbudgets poddisruptionbudget pdb pods pod po replicasets replicaset rs resourcequotas resourcequota
    roles role rolebindings rolebinding secrets secret serviceaccounts serviceaccount sa services service svc
    storageclasses storageclass sc
"""
_FOREIGN = """
    applications application applicationsets applicationset ec2nodeclasses ec2nodeclass helmreleases helmrelease
    kustomizations kustomization nodeclaims nodeclaim nodepools nodepool podmonitors podmonitor scaledobjects
    scaledobject servicemonitors servicemonitor
"""
FOREIGN_KINDS = frozenset(_FOREIGN.split())
"""Kinds that pages speak of and that Kubernetes has not by itself: plurals and singulars."""
_KINDS = _OURS | FOREIGN_KINDS | set(_CORE.split())
_CONDITIONS = {
    value for name, value in vars(conditions).items() if name.isupper() and isinstance(value, str)
}
_GLOBAL = (
    "-n/--namespace",
    "--context",
    "--kubeconfig",
    "-o/--output",
    "-l/--selector",
    "--request-timeout",
)
_CHANGING = ("--dry-run", "--field-manager", "-f/--filename", "-k/--kustomize", "--timeout")
_SWITCHES = (
    "-A/--all-namespaces",
    "--all",
    "--wait",
    "--ignore-not-found",
    "-w/--watch",
    "--no-headers",
)
_FORCING = ("--server-side", "--force-conflicts", "--overwrite", "--force", "--prune")


def check(command: Command, desk: Desk, shown: str | None) -> None:
    """Refuse what names something that there is not, and a table of TracedModels that no API server writes."""
    verb = command.words[1]
    if verb not in _VERBS:
        raise Refused(f"kubectl {verb}: tests/fakes/pages/kubectl.py does not know it")
    parser, checker = _VERBS[verb]
    own = list(command.words[2:])
    told = parser().told(own[: own.index("--")] if "--" in own else own)
    for text in _files(told, command, desk):
        documents.check_text(text)
    checker(told)
    if shown is not None and verb == "get" and _kinds(told) & _OURS and _plain(told):
        tables.check(shown, wide=told.output == ["wide"])


def _files(told: argparse.Namespace, command: Command, desk: Desk) -> Iterator[str]:
    """Yield the text of every file that a command names, and of those that its kustomizations are made of."""
    for file in getattr(told, "filename", ()):
        text = desk.text(file, command.given)
        if text is not None:
            yield text
    for folder in getattr(told, "kustomize", told.words if command.words[1] == "kustomize" else ()):
        yield from texts(desk.path(folder))


def _parser(*values: str, switches: tuple[str, ...] = ()) -> Callable[[], Words]:
    def make() -> Words:
        words = Words("kubectl").values(*_GLOBAL, *values)
        return words.switches(*_SWITCHES, *switches).rest()

    return make


def _plain(told: argparse.Namespace) -> bool:
    return told.output in ([], ["wide"])


def _kinds(told: argparse.Namespace) -> set[str]:
    """Return the kinds that the words name: `KIND`, `KIND,KIND`, or `KIND/NAME` of each."""
    return _slashed(told) or set(told.words[0].split(",") if told.words else ())


def _slashed(told: argparse.Namespace) -> set[str]:
    """Return the kinds of the words `KIND/NAME`. Those of labels and annotations end with a value or a minus."""
    words = [word for word in told.words if "=" not in word and not word.endswith("-")]
    return {word.partition("/")[0] for word in words if "/" in word}


def _demand(kinds: set[str]) -> None:
    unknown = sorted(kinds - _KINDS)
    if unknown:
        raise Refused(f"kubectl knows no {', '.join(unknown)}")


def _check_objects(told: argparse.Namespace) -> None:
    if not any(getattr(told, name, ()) for name in ("words", "filename", "kustomize", "raw")):
        raise Refused("kubectl: it names nothing")
    _demand(_kinds(told))
    for output in told.output:
        _check_output(output, ours=bool(_kinds(told) & _OURS))


def _check_output(output: str, *, ours: bool) -> None:
    form, _, paths = output.partition("=")
    if form not in ("wide", "yaml", "json", "name", "jsonpath", "custom-columns"):
        raise Refused(f"kubectl gives no {form}")
    if not ours or not paths:
        return
    found = re.findall(r"\.(?:spec|status)[^\s,}]*", paths)
    for path in found:
        _check_path(path)


def _check_path(path: str) -> None:
    """Refuse a JSONPath that leads to no field of a TracedModel, and a condition that it has not."""
    for wanted in re.findall(r"@\.type\s*==\s*[\"']([^\"']+)", path):
        _check_condition(wanted)
    steps = re.sub(r"\[[^\]]*\]", "", path).replace("\\.", "").strip(".").split(".")
    documents.check_field(steps)


def _check_condition(name: str) -> None:
    if name not in _CONDITIONS:
        raise Refused(f"a TracedModel has no condition {name}")


def _check_waiting(told: argparse.Namespace) -> None:
    _check_objects(told)
    for wanted in getattr(told, "for"):
        kind, _, name = wanted.partition("=")
        if kind == "condition" and _kinds(told) & _OURS:
            _check_condition(name.partition("=")[0])
        elif kind == "jsonpath" and _kinds(told) & _OURS:
            _check_path(name.strip("{}").partition("}")[0])
        elif kind not in ("condition", "jsonpath", "delete", "create"):
            raise Refused(f"kubectl wait: {wanted} is nothing to wait for")


def _check_patch(told: argparse.Namespace) -> None:
    _check_objects(told)
    if not _kinds(told) & _OURS or told.type == ["json"]:
        return
    for patch in told.patch:
        fragment = yaml.safe_load(patch)
        documents.check(
            {key: fragment[key] for key in fragment if key != "metadata"} or {"spec": {}}
        )


def _unread(_: argparse.Namespace) -> None:
    """Its words name no kind, and its files were looked at."""


def _of_pods(told: argparse.Namespace) -> None:
    """Refuse kinds that there are not; a bare name is a pod's."""
    _demand(_slashed(told))


_CHANGE = _parser(*_CHANGING, switches=_FORCING)
_LOGS = _parser(
    "--tail",
    "--since",
    "-c/--container",
    switches=("-f/--follow", "-p/--previous", "--all-containers"),
)
_RUNNING = _parser(
    "--image", "--restart", "-c/--container", switches=("-i", "-t", "-it", "--rm", "--quiet")
)
_VERBS: dict[str, tuple[Callable[[], Words], Callable[[argparse.Namespace], None]]] = {
    "annotate": (_CHANGE, _check_objects),
    "apply": (_CHANGE, _unread),
    "config": (_parser("--cluster", "--user", switches=("--current",)), _unread),
    "create": (
        _parser(*_CHANGING, "--from", "--from-literal", "--from-env-file", "--from-file", "--type"),
        _unread,
    ),
    "delete": (_CHANGE, _check_objects),
    "describe": (_parser(*_CHANGING), _check_objects),
    "diff": (_CHANGE, _unread),
    "edit": (_CHANGE, _check_objects),
    "exec": (_RUNNING, _of_pods),
    "explain": (_parser(), _unread),
    "get": (
        _parser("--raw", "--sort-by", "--field-selector", "-L/--label-columns", *_CHANGING),
        _check_objects,
    ),
    "kustomize": (_parser(), _unread),
    "label": (_CHANGE, _check_objects),
    "logs": (_LOGS, _of_pods),
    "patch": (_parser(*_CHANGING, "--type", "-p/--patch"), _check_patch),
    "port-forward": (_parser("--address"), _of_pods),
    "rollout": (_CHANGE, _of_pods),
    "run": (_RUNNING, _unread),
    "scale": (_parser(*_CHANGING, "--replicas"), _check_objects),
    "set": (_CHANGE, _of_pods),
    "top": (_parser(), _check_objects),
    "version": (_parser(), _unread),
    "wait": (_parser("--for", *_CHANGING), _check_waiting),
}
