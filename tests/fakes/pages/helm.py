"""`helm` on a page: what concerns our chart is rendered with the same values; of others' charts the words are read."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.patch import merge_patch
from chart import NAMESPACE
from pages import documents
from pages.arguments import Words
from pages.blocks import ROOT, Refused
from pages.charts import NO_HELM, check_values
from pages.desk import Desk
from pages.shell import Command

_OURS = "tracedmodel-operator"
_VALUES = ("--set", "--set-string", "--set-json", "-f/--values")
_OPTIONS = ("-n/--namespace", "--version", "--timeout", "--repo", "--kube-context", "-o/--output")
_SWITCHES = (
    "--create-namespace",
    "--wait",
    "--install",
    "-i",
    "--atomic",
    "--reuse-values",
    "--reset-values",
    "--reset-then-reuse-values",
    "--take-ownership",
    "--dry-run",
    "--devel",
    "--all-namespaces",
    "-A",
)
_RELEASING = ("install", "template", "upgrade")
_OTHERS = (
    "get",
    "history",
    "list",
    "ls",
    "pull",
    "repo",
    "rollback",
    "show",
    "status",
    "uninstall",
)


def check(command: Command, desk: Desk, _: str | None) -> None:
    """Refuse unknown options, charts that are not there, and values that our chart does not take."""
    verb, words = command.words[1], command.words[2:]
    if verb not in (*_RELEASING, *_OTHERS):
        raise Refused(f"helm {verb}: tests/fakes/pages/helm.py does not know it")
    told = Words("helm").values(*_VALUES, *_OPTIONS).switches(*_SWITCHES).rest().told(words)
    if verb not in _RELEASING:
        return
    if len(told.words) != len(("release", "chart")):
        raise Refused(f"helm {verb} takes a release and a chart, not {told.words}")
    release, chart = told.words
    if _is_ours(chart):
        *_, namespace = [NAMESPACE, *told.namespace]
        helm = pytest.importorskip("helm_python", reason=NO_HELM)
        try:
            check_values(_values(helm, told, command, desk), release, namespace)
        except helm.HelmError as error:
            raise Refused(str(error)) from None


def _is_ours(chart: str) -> bool:
    """Tell whether a chart is ours; refuses a folder that is not there."""
    if chart.startswith(("charts/", "./", "../")):
        if not (ROOT / chart / "Chart.yaml").is_file():
            raise Refused(f"{chart} is no chart")
        return True
    return chart.rpartition("/")[2] == _OURS


def _values(helm: Any, told: Any, command: Command, desk: Desk) -> dict[str, Any]:
    """Return the values of files and options, the later ones over the earlier ones."""
    found: dict[str, Any] = {}
    for file in told.values:
        text = desk.text(file, command.given)
        for values in documents.read(text) if text is not None else ():
            found = merge_patch(found, values)
    parsers = (
        (told.set, helm.parse_set_string),
        (told.set_string, helm.parse_set_string_values),
        (told.set_json, helm.parse_set_json),
    )
    for texts, parse in parsers:
        for text in texts:
            found = merge_patch(found, parse(text))
    return found
