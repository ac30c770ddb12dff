"""What GitOps tools say of a TracedModel: kstatus, Flux and Argo CD, each by its own rules."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import yaml
from cel_expr_python import cel
from cel_expr_python.ext import ext_optional
from lupa import lua51

Document = dict[str, Any]
ROOT = Path(__file__).parents[2]
ARGO = ROOT / "argocd" / "resource_customizations" / "tracedmodel.dev" / "TracedModel"
FLUX = ROOT / "examples" / "gitops" / "flux-healthchecks.yaml"

_TOP = ("apiVersion", "kind", "metadata", "spec", "status")
# What Argo CD's interpreter lacks, unless an administrator opens the libraries for a check.
_CLOSED = [
    "string",
    "math",
    "io",
    "os",
    "debug",
    "package",
    "require",
    "dofile",
    "loadfile",
    "load",
    "loadstring",
]


def kstatus(item: Document) -> str:
    """Return the verdict of the kstatus library for a kind that it does not know."""
    metadata, status = item["metadata"], item.get("status", {})
    if metadata.get("deletionTimestamp"):
        return "Terminating"
    if status.get("observedGeneration", metadata["generation"]) != metadata["generation"]:
        return "InProgress"
    conditions = status.get("conditions", [])
    for condition in conditions:
        if (condition["type"], condition["status"]) == ("Reconciling", "True"):
            return "InProgress"
        if (condition["type"], condition["status"]) == ("Stalled", "True"):
            return "Failed"
    found = [c["status"] for c in conditions if c["type"] == "Ready"]
    return "Current" if found in ([], ["True"]) else "InProgress"


def flux(item: Document) -> str:
    """Return the verdict of Flux by the expressions of the example."""
    metadata, status = item["metadata"], item.get("status", {})
    if status.get("observedGeneration", metadata["generation"]) != metadata["generation"]:
        return "InProgress"
    variables = {name: item[name] for name in _TOP if name in item}
    for verdict, program in _programs():
        answer = program.eval(data=variables).value()
        # An error has a value too, its text; Flux would wait until its own deadline.
        assert isinstance(answer, bool), answer
        if answer:
            return verdict
    return "InProgress"


@functools.cache
def _programs() -> list[tuple[str, Any]]:
    sample = yaml.safe_load(FLUX.read_text(encoding="utf-8"))
    (check,) = sample["spec"]["healthCheckExprs"]
    optional = [ext_optional.ExtOptional()]
    environment = cel.NewEnv(variables=dict.fromkeys(_TOP, cel.Type.DYN), extensions=optional)
    order = {"inProgress": "InProgress", "failed": "Failed", "current": "Current"}
    return [(verdict, environment.compile(check[name])) for name, verdict in order.items()]


def argo(item: Document) -> tuple[str, str]:
    """Return status and message of the health check for Argo CD."""
    lua = lua51.LuaRuntime()
    lua.execute('debug.setmetatable("", nil)')
    for name in _CLOSED:
        lua.globals()[name] = None
    lua.globals()["obj"] = lua.table_from(item, recursive=True)
    found = lua.execute((ARGO / "health.lua").read_text(encoding="utf-8"))
    return found["status"], found["message"]
