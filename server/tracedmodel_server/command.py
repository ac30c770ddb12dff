"""``tracedmodel serve``: what a serving pod runs; by hand, the same with options."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from tracedmodel_api.failures import as_failure
from tracedmodel_api.report import Failure, Report
from tracedmodel_api.request import REPORT_VARIABLE
from tracedmodel_runtime.tuning import tune
from tracedmodel_server.logs import set_up
from tracedmodel_server.options import OPTIONS
from tracedmodel_server.resources import prepare
from tracedmodel_server.settings import PREFIX, Settings, read_settings

summary = "prove an artifact on this machine and serve it"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments; every one goes before its environment variable."""
    for flag, name, metavar, text in OPTIONS:
        field = Settings.model_fields[name]
        default = "needed" if field.is_required() else f"default {field.default}"
        told = text if field.default is None else f"{text}; {default}"
        parser.add_argument(
            flag, dest=name, metavar=metavar, help=f"{told} (${PREFIX}{name.upper()})"
        )


def run(arguments: argparse.Namespace) -> int:
    """Serve until told to stop; where that fails leave the report and raise the Failure."""
    try:
        _serve({option.setting: getattr(arguments, option.setting) for option in OPTIONS})
    except Exception as error:  # noqa: BLE001  # the boundary that turns errors into reports
        failure = as_failure(error)
        _leave(failure)
        raise failure from None
    return 0


def _serve(overrides: dict[str, str | None]) -> None:
    settings = read_settings(**overrides)
    set_up(settings.log_format, access=settings.access_log)
    tune(os.environ)
    prepare()
    from tracedmodel_server.lifecycle import serve  # noqa: PLC0415  # the libraries below read what was tuned

    serve(settings)


def _leave(failure: Failure) -> None:
    """Write the report for the operator, if there is one to read it."""
    path = os.environ.get(REPORT_VARIABLE)
    if path:
        Report(reason=failure.reason.name, message=str(failure)).write(Path(path))
