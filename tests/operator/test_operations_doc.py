"""docs/operations.md says what the code says."""

import io
import json
import logging
import re
from pathlib import Path

import yaml

from contract import STATES
from resources import SETTINGS
from tracedmodel_operator import logs
from tracedmodel_operator.lease_record import Terms
from tracedmodel_operator.permissions import NEEDED, NEEDED_BY_HPA, NEEDED_BY_KEDA
from tracedmodel_operator.settings import ScalingSettings, Settings, TargetSettings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def tables(title: str) -> list[list[list[str]]]:
    """Return the tables of a section as rows of cells, without their heads."""
    found: list[list[list[str]]] = [[]]
    for line in section(title).splitlines():
        if line.startswith("|"):
            found[-1].append([cell.strip() for cell in line.strip("|").split(" | ")])
        elif found[-1]:
            found.append([])
    return [table[2:] for table in found if table]


def default_of(value) -> str:
    if value is None:
        return "none"
    if value in ([], {}):
        return "empty"
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def test_lists_every_setting_with_its_variable_and_default():
    rows, *_ = tables("Settings")
    prefix = Settings.model_config["env_prefix"]
    expected = [
        [
            f"`{prefix}{name.upper()}`",
            "below" if name in ("cpu", "inf1", "scaling") else default_of(field.default),
        ]
        for name, field in Settings.model_fields.items()
    ]
    assert [row[:2] for row in rows] == expected
    assert all(row[2] for row in rows)


def test_lists_every_setting_of_a_target_with_its_defaults():
    _, rows, _ = tables("Settings")
    found = {row[0]: row[1:3] for row in rows}
    expected = {}
    for name in TargetSettings.model_fields:
        values = [getattr(target, name) for target in (SETTINGS.cpu, SETTINGS.inf1)]
        if name.endswith("_image"):
            values = [value.rpartition(":")[0] for value in values]
        expected[f"`{name}`"] = [default_of(value) for value in values]
    assert found == expected


def test_lists_every_setting_of_autoscalers_with_its_default():
    *_, rows = tables("Settings")
    fields = ScalingSettings.model_fields.items()
    assert [row[:2] for row in rows] == [[f"`{n}`", default_of(f.default)] for n, f in fields]
    assert all(row[2] for row in rows)


def row(rule):
    kind, subresource, verbs = rule
    below = f"/{subresource}" if subresource else ""
    group = f"`{kind.group}`" if kind.group else ""
    return [group, f"`{kind.plural}{below}`", ", ".join(verbs)]


def test_lists_every_permission():
    needed, by_engine, lease = tables("Permissions")
    assert needed == list(map(row, NEEDED))
    assert by_engine == [
        *(["`HPA`", *row(rule)] for rule in NEEDED_BY_HPA),
        *(["`KEDA`", *row(rule)] for rule in NEEDED_BY_KEDA),
    ]
    assert lease == [["`coordination.k8s.io`", "`leases`", "get, create, update"]]


def test_names_every_field_of_a_log_line():
    (rows,) = tables("Log")
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs._Json())
    record = logging.LogRecord("x", logging.ERROR, "", 0, "m", (), (OSError, OSError("e"), None))
    with logs.about(namespace="a", name="b", fingerprint="c"):
        handler.emit(record)
    named = set(re.findall(r"`(\w+)`", " ".join(row[0] for row in rows)))
    assert named == json.loads(stream.getvalue()).keys()


def test_the_levels_of_a_log_line_are_those_that_there_are():
    (rows,) = tables("Log")
    levels = re.findall(r"`(\w+)`", next(row[1] for row in rows if row[0] == "`level`"))
    assert levels == ["debug", "info", "warning", "error", "critical"]


def test_the_verdicts_of_gitops_tools_are_those_of_the_contract():
    (rows,) = tables("GitOps")
    assert {tuple(row[1:]) for row in rows} == {
        (kstatus, flux, argo) for kstatus, argo, flux in (s.verdicts for s in STATES.values())
    }


def test_the_files_that_it_names_are_there():
    named = re.findall(r"`((?:argocd|examples)/[^`]+)`", PAGE)
    assert len(named) == 2
    assert all((ROOT / name).is_file() for name in named)


def test_the_waits_of_exports_are_those_of_the_settings():
    waits = f"after {SETTINGS.backoff_seconds} s, then {2 * SETTINGS.backoff_seconds} s"
    assert waits in section("What is tried again, and when")
    assert f"up to {SETTINGS.max_backoff_seconds // 60} minutes, each" in PAGE


def test_the_times_of_the_lease_are_those_of_the_code():
    text = section("Several operators")
    assert f"after {Terms().lease_seconds} to 20\nseconds" in text
    assert f"cannot renew it for {Terms().renew_seconds} seconds" in text
    assert f"the Lease `{SETTINGS.lease_name}`" in text
    assert f"port {SETTINGS.health_port}" in section("Health")


def test_the_example_for_flux_waits_for_tracedmodels():
    sample = yaml.safe_load((ROOT / "examples/gitops/flux-healthchecks.yaml").read_text())
    assert sample["spec"]["wait"] is True
    (check,) = sample["spec"]["healthCheckExprs"]
    assert (check["apiVersion"], check["kind"]) == ("tracedmodel.dev/v1alpha1", "TracedModel")
