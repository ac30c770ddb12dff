"""Where the conformance tests play: the fake, or a real API server. What only differs in how it is set up is here."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

import pytest

import crd_judge
from apiserver.admission import Quota
from apiserver.client import Api
from apiserver.cluster import FakeCluster
from apiserver.envtest import ControlPlane
from apiserver.kubeconfig import use_kubeconfig
from apiserver.registry import BY_KIND, DEFINITION
from tracedmodel_operator.kinds import Kind

Rule = Mapping[str, Any]
Open = Callable[..., Api]
_PATIENCE_SECONDS = 60
_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_CORE = "/api/v1"


class Stage(Protocol):
    """An API server and what a test may do to it beside asking it."""

    api: Api
    short: int
    """Seconds that a watch has to last for a bookmark to come before its end."""
    alone: bool
    """Whether no controllers act here."""

    def limited(self, rules: Iterable[Rule]) -> Api:
        """Return the server as somebody sees it who may do in the test's namespace what the rules say."""

    def quota(self, kind: Kind, most: int) -> None:
        """Let the test's namespace hold so many objects of a kind, and no more."""

    def guard_owners(self) -> None:
        """Let nobody block the deletion of an owner that he may not finalize."""

    def forget(self) -> None:
        """Forget all changes so far."""


class FakeStage:
    """The fake."""

    short = 1
    alone = True

    def __init__(self, cluster: FakeCluster, open_api: Open) -> None:
        self.api = open_api("stage")
        self._cluster = cluster
        self._open = open_api

    def limited(self, rules: Iterable[Rule]) -> Api:
        """Return the server as somebody sees it who may do in the test's namespace what the rules say."""
        self._cluster.access.user = "somebody"
        self._cluster.access.grant(rules, [self.api.namespace])
        return self._open(self.api.namespace, "somebody")

    def quota(self, kind: Kind, most: int) -> None:
        """Let the test's namespace hold so many objects of a kind, and no more."""
        self._cluster.admission.quotas.append(Quota("few", kind, self.api.namespace, most))

    def guard_owners(self) -> None:
        """Let nobody block the deletion of an owner that he may not finalize."""
        self._cluster.guards_owners = True

    def forget(self) -> None:
        """Forget all changes so far."""
        self._cluster.compact()


class RealStage:
    """A real API server. Each test has a namespace of its own."""

    short = 5

    def __init__(self, plane: ControlPlane | None, namespace: str, open_api: Open) -> None:
        self.api = open_api(namespace)
        self._plane = plane
        self._open = open_api
        self.api.done("POST", f"{_CORE}/namespaces", {"metadata": {"name": namespace}})
        account = f"{_CORE}/namespaces/default/serviceaccounts/default"
        self.alone = self.api.ask("GET", account).status == 404

    def leave(self) -> None:
        """Give the namespace up; without controllers it stays as it is."""
        self.api.done("DELETE", f"{_CORE}/namespaces/{self.api.namespace}")

    def limited(self, rules: Iterable[Rule]) -> Api:
        """Return the server as somebody sees it who may do in the test's namespace what the rules say."""
        api, group = self.api, "rbac.authorization.k8s.io"
        place = f"{_RBAC}/namespaces/{api.namespace}"
        named = {"metadata": {"name": "limited"}}
        api.done("POST", f"{place}/roles", {**named, "rules": list(rules)})
        role = {"apiGroup": group, "kind": "Role", "name": "limited"}
        subject = {"apiGroup": group, "kind": "User", "name": "somebody"}
        binding = {**named, "roleRef": role, "subjects": [subject]}
        api.done("POST", f"{place}/rolebindings", binding)
        somebody = self._open(api.namespace, "somebody")
        _eventually(lambda: _may(somebody, list(rules)))
        return somebody

    def quota(self, kind: Kind, most: int) -> None:
        """Let the test's namespace hold so many objects of a kind, and no more."""
        api, what = self.api, f"count/{BY_KIND[kind].qualified}"
        place = f"{_CORE}/namespaces/{api.namespace}/resourcequotas"
        hard = {"hard": {what: str(most)}}
        api.done("POST", place, {"metadata": {"name": "few"}, "spec": hard})
        # No controller counts here; a count that nobody made refuses everything.
        used = str(len(api.names(kind)))
        status = {"status": {**hard, "used": {what: used}}}
        merge = "application/merge-patch+json"
        api.done("PATCH", f"{place}/few/status", status, content_type=merge)
        probe = {"metadata": {"generateName": "probe-"}}
        _eventually(
            lambda: "status unknown" not in str(api.ask("POST", api.path(kind), probe).body)
        )

    def guard_owners(self) -> None:
        """See that nobody blocks the deletion of an owner that he may not finalize, as an own server is set up."""
        if self._plane is None:
            pytest.skip("OwnerReferencesPermissionEnforcement may be off in this cluster")

    def forget(self) -> None:
        """Forget all changes so far."""
        if self._plane is None:
            pytest.skip("only an API server of our own can be made to forget")
        version = self.api.done("GET", f"{_CORE}/namespaces")["metadata"]["resourceVersion"]
        self._plane.compact(int(version))


def _may(api: Api, rules: list[Rule]) -> bool:
    """Return whether the server has heard of rules."""
    review = {"spec": {"namespace": api.namespace}}
    path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
    known = api.done("POST", path, review)["status"]["resourceRules"]
    wanted = {name for rule in rules for name in rule["resources"]}
    return wanted <= {name for rule in known for name in rule["resources"]}


def _eventually(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.05)


def install_definition(api: Api) -> None:
    """Install the committed definition and wait until the server serves it."""
    definition = crd_judge.definition()
    name = definition["metadata"]["name"]
    query = {"fieldManager": "tests", "force": "true"}
    apply = "application/apply-patch+yaml"
    path = DEFINITION.path(None, name)
    api.done("PATCH", path, definition, content_type=apply, **query)
    group, version = definition["spec"]["group"], definition["spec"]["versions"][0]["name"]
    served = f"/apis/{group}/{version}/tracedmodels"
    _eventually(lambda: api.ask("GET", served).status == 200)


def opener(monkeypatch: pytest.MonkeyPatch, kubeconfig: Path, opened: list[Api]) -> Open:
    """Return what opens clients, and remembers them for the end."""
    use_kubeconfig(monkeypatch, kubeconfig)

    def open_api(namespace: str, user: str = "") -> Api:
        api = Api(namespace, user)
        opened.append(api)
        return api

    return open_api
