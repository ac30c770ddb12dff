"""Manifests of examples/, and those who apply them from Git: by three-way merge, server-side, and kubectl itself."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import yaml

from apiserver import Controllers
from apiserver.client import APPLY, MERGE
from apiserver.patch import merge_patch
from kustomized import kustomized
from tracedmodel_operator.cli.rehearsal import rehearsal
from tracedmodel_operator.errors import NotFound
from tracedmodel_operator.kinds import CHILDREN, TRACED_MODEL

EXAMPLES = Path(__file__).parents[2] / "examples"
KUSTOMIZE = EXAMPLES / "gitops" / "kustomize"
FILES = {path.name: path for path in sorted(EXAMPLES.glob("*.yaml"))}
OVERLAYS = {path.name: path for path in sorted((KUSTOMIZE / "overlays").iterdir())}
MANIFESTS = {
    **{name: yaml.safe_load(path.read_text(encoding="utf-8")) for name, path in FILES.items()},
    **{name: kustomized(path)[0] for name, path in OVERLAYS.items()},
}
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
GITOPS_TOOL = "gitops-tool"
_SECONDS = 60


class Place:
    """A namespace of a server, where an operator works, and controllers that act whenever the test waits."""

    def __init__(self, api):
        self.api = api
        self.controllers = Controllers(api.transport, namespace=api.namespace)

    def live(self, name):
        """Return a TracedModel as it is; None if there is none."""
        try:
            return self.api.get(TRACED_MODEL, name)
        except NotFound:
            return None

    def children(self, uid):
        """Return the kinds of what a resource owns, which Kubernetes collects once that is gone."""
        return {kind.name for kind in CHILDREN if uid in self._owners(kind)}

    def _owners(self, kind):
        items = self.api.done("GET", self.api.path(kind))["items"]
        owners = [owner for item in items for owner in item["metadata"].get("ownerReferences", ())]
        return {owner["uid"] for owner in owners if owner["controller"]}

    def until(self, true):
        """Let controllers act until something is true."""
        deadline = time.monotonic() + _SECONDS
        while not true():
            if time.monotonic() > deadline:
                raise AssertionError(f"it did not come true: {self.api.names(TRACED_MODEL)}")
            self.api.run(self.controllers.turn())

    def becomes_ready(self, name):
        """Wait until the operator has done what the newest spec asks for."""

        def ready():
            item = self.live(name)
            status = item.get("status", {})
            asked = item["metadata"].get("annotations", {}).get("tracedmodel.dev/requested-at", "")
            return (
                status.get("observedGeneration") == item["metadata"]["generation"]
                and status.get("lastHandledRequestedAt", "") == asked
                and ("Ready", "True") in {(c["type"], c["status"]) for c in status["conditions"]}
            )

        self.until(ready)
        while self.api.run(self.controllers.turn()):
            continue


class Repository:
    """Git with one manifest, and a tool that applies it."""

    def __init__(self, place, item):
        self.place = place
        self.name = item["metadata"]["name"]
        self.item = merge_patch(item, {"metadata": {"namespace": place.api.namespace}})

    @property
    def live(self):
        return self.place.live(self.name)

    def applied(self, **query):
        """Apply the manifest; return what is there then, or with ``dryRun`` what would be."""
        raise NotImplementedError

    def ready(self):
        """Apply the manifest and have the operator do its work."""
        self.applied()
        self.place.becomes_ready(self.name)
        return self

    def sent(self, patch, content_type=MERGE, subresource="", **query):
        path = self.place.api.path(TRACED_MODEL, self.name, subresource)
        query = {"fieldManager": GITOPS_TOOL, **query}
        return self.place.api.done("PATCH", path, patch, content_type=content_type, **query)

    def difference(self):
        """Return the parts that applying again would change, as they would be."""
        live, then = _wanted(self.live), _wanted(self.applied(dryRun="All"))
        return {name: part for name, part in then.items() if part != live[name]}


def _wanted(document):
    """Return what a person may have written in a resource."""
    metadata = document["metadata"]
    annotations = {k: v for k, v in metadata.get("annotations", {}).items() if k != LAST_APPLIED}
    return {"spec": document["spec"], "labels": metadata.get("labels"), "annotations": annotations}


class ServerSide(Repository):
    """Flux, and Argo CD with ServerSideApply: fields of others are taken over."""

    def applied(self, **query):
        return self.sent(self.item, APPLY, force="true", **query)


class ThreeWay(Repository):
    """Argo CD by default, and kubectl: what was applied last, what is to be, and what is there."""

    def applied(self, **query):
        annotation = {"metadata": {"annotations": {LAST_APPLIED: json.dumps(self.item)}}}
        item = merge_patch(self.item, annotation)
        if self.live is None:
            return self.place.api.create(TRACED_MODEL, item, GITOPS_TOOL, **query)
        return self.sent(rehearsal(item, self.live).patch, **query)


class Kubectl:
    """The real kubectl, for one example in one namespace."""

    def __init__(self, program, kubeconfig, folder):
        self._program = program
        self._environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "HOME": str(folder)}
        self._folder = folder

    def source(self, name, namespace):
        """Return the options that name an example; an overlay is one of a copy, for its namespace is its own."""
        if name in FILES:
            return ["-f", str(FILES[name]), "--namespace", namespace]
        shutil.copytree(KUSTOMIZE, self._folder / "kustomize")
        here = self._folder / "here"
        here.mkdir()
        told = {"resources": [f"../kustomize/overlays/{name}"], "namespace": namespace}
        (here / "kustomization.yaml").write_text(json.dumps(told), encoding="utf-8")
        return ["-k", str(here)]

    def __call__(self, *words):
        """Run it; return its exit code and what it wrote."""
        command = [str(self._program), *words]
        done = subprocess.run(
            command, check=False, env=self._environment, capture_output=True, text=True
        )
        return done.returncode, done.stdout + done.stderr


def differing(said):
    """Return the lines that differ, but for the annotation that kubectl keeps for itself.

    An API server spells that anew where another way of applying than the last is asked for.
    """
    lines = [line for line in said.splitlines() if re.match(r"[-+](?![-+]{2} )", line)]
    return [line for line in lines if not line[1:].strip().startswith('{"apiVersion":')]
