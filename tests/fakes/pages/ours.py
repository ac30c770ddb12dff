"""Names of the project in a text: each has to be one that there is."""

from __future__ import annotations

import functools
import re

from metrics_page import part, rows
from pages.blocks import ROOT, Refused
from tracedmodel_api import request
from tracedmodel_api.types import GROUP, KIND, PLURAL, REQUESTED_AT, VERSION
from tracedmodel_operator import names
from tracedmodel_operator.settings import Settings as OperatorSettings
from tracedmodel_server.settings import Settings as ServerSettings

_METRIC = re.compile(r"(?<![\w.\-/])tracedmodel_[a-z0-9_]+(?![\w-])")
_VARIABLE = re.compile(r"(?<!\w)TRACEDMODEL_[A-Z0-9_]+")
_QUALIFIED = re.compile(rf"(?<![\w.]){re.escape(GROUP)}/([\w-]+)")
_DEFINITION = re.compile(rf"(?<![\w.])(\w+)\.{re.escape(GROUP)}(?!\w)")
_IMAGE = re.compile(r"ghcr\.io/tracedmodel/([\w-]+)")
_PARTS = ("Of a server", "Of an export", "Of a clean-up", "Of the operator")


def check_names(text: str) -> None:
    """Refuse metrics, variables, labels, annotations and images of ours that there are not."""
    for pattern, known, what in (
        (_METRIC, metrics(), "metric"),
        (_VARIABLE, _variables(), "variable"),
        (_QUALIFIED, _qualified(), f"version, label or annotation of {GROUP}"),
        (_DEFINITION, {PLURAL, KIND.lower()}, f"definition of {GROUP}"),
        (_IMAGE, _images(), "image"),
    ):
        unknown = sorted(set(pattern.findall(text)) - known)
        if unknown:
            raise Refused(f"no such {what}: {', '.join(unknown)}")


@functools.cache
def metrics() -> set[str]:
    """Return every metric, with what histograms add to its name, the one of the adapter, and our packages."""
    found = {OperatorSettings().scaling.load_metric}
    for title in _PARTS:
        for name, (kind, _) in rows(part(title)).items():
            ends = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
            found.update(f"{name}{end}" for end in ends)
    packages = (folder.name for folder in ROOT.glob("*/tracedmodel_*"))
    return {*found, *packages}


@functools.cache
def _variables() -> set[str]:
    settings = (OperatorSettings, ServerSettings)
    prefixed = {
        f"{one.model_config['env_prefix']}{name.upper()}"
        for one in settings
        for name in one.model_fields
    }
    own = (request.REQUEST_VARIABLE, request.REPORT_VARIABLE, request.METRICS_VARIABLE)
    return {*prefixed, *own}


@functools.cache
def _qualified() -> set[str]:
    prefix = f"{GROUP}/"
    constants = [value for value in vars(names).values() if isinstance(value, str)]
    found = {value.removeprefix(prefix) for value in constants if value.startswith(prefix)}
    return {*found, VERSION, REQUESTED_AT.removeprefix(prefix)}


@functools.cache
def _images() -> set[str]:
    own = OperatorSettings()
    named = [
        image
        for target in (own.cpu, own.inf1)
        for image in (target.exporter_image, target.server_image)
    ]
    return {"operator", *(_IMAGE.findall(" ".join(named)))}
