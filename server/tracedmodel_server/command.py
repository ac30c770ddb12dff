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
from tracedmodel_server.resources import prepare
from tracedmodel_server.settings import PREFIX, read_settings

summary = "prove an artifact on this machine and serve it"

_OPTIONS = (
    ("--index", "index_file", "FILE", "the artifact's index"),
    ("--artifact-digest", "artifact_digest", "DIGEST", "digest that the index must have"),
    ("--store", "store_url", "URL", "where the artifact's blobs are"),
    ("--model-name", "model_name", "NAME", "the model's name in paths"),
    ("--host", "host", "ADDRESS", "address to listen on"),
    ("--port", "port", "NUMBER", "port to listen on"),
    ("--workers", "workers", "COUNT", "how many threads run graphs side by side"),
    ("--threads", "threads", "COUNT", "threads inside each worker; default: all CPUs shared out"),
    ("--max-delay", "max_delay_milliseconds", "MS", "longest wait for others to share a batch"),
    ("--max-queued", "max_queued_requests", "COUNT", "texts that may wait before requests get 429"),
    ("--drain", "drain_seconds", "SECONDS", "how long to go on accepting after SIGTERM"),
    ("--cache", "cache_folder", "FOLDER", "where to keep blobs between starts"),
    ("--log-format", "log_format", "FORMAT", "text or json"),
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments; every one goes before its environment variable."""
    for option, name, metavar, text in _OPTIONS:
        shown = f"{text} (${PREFIX}{name.upper()})"
        parser.add_argument(option, dest=name, metavar=metavar, help=shown)


def run(arguments: argparse.Namespace) -> int:
    """Serve until told to stop; where that fails leave the report and raise the Failure."""
    try:
        _serve({name: getattr(arguments, name) for _, name, _, _ in _OPTIONS})
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
