"""``tracedmodel export``: what an exporter Job runs; with a manifest, the same by hand."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from tracedmodel_api import manifests
from tracedmodel_api.failures import as_failure
from tracedmodel_api.manifest import Index
from tracedmodel_api.report import Failure, Report
from tracedmodel_api.request import (
    METRICS_VARIABLE,
    REPORT_VARIABLE,
    REQUEST_VARIABLE,
    SHARE_VARIABLE,
    ExportRequest,
    export_request,
)
from tracedmodel_exporter.errors import stop_on_terminate
from tracedmodel_exporter.pipeline import Export
from tracedmodel_exporter.progress import Timed, progress_for
from tracedmodel_runtime.tuning import tune

summary = "trace, verify and store a model's buckets"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "manifest",
        nargs="?",
        metavar="FILE",
        help=f"a manifest; without one the request stands in ${REQUEST_VARIABLE}",
    )
    parser.add_argument(
        "--store", metavar="URL", help="where to keep artifacts, in place of spec.store"
    )
    parser.add_argument(
        "--no-benchmark", action="store_true", help="leave the times of the buckets out"
    )
    parser.add_argument(
        "--index",
        metavar="FILE",
        type=Path,
        help="write the artifact's index here, for `tracedmodel serve --index FILE`",
    )
    parser.add_argument(
        "--metrics-file",
        metavar="FILE",
        type=Path,
        default=os.environ.get(METRICS_VARIABLE),
        help=f"write what Prometheus reads of this export here (${METRICS_VARIABLE})",
    )


def run(arguments: argparse.Namespace) -> int:
    """Export and leave the report where the environment says; return the exit code of the reason."""
    stop_on_terminate()
    tune(os.environ)
    export: Export | None = None
    progress = Timed(progress_for(sys.stderr))
    try:
        request = _request(arguments)
        share = os.environ.get(SHARE_VARIABLE)
        export = Export(request, None if share is None else int(share), progress)
        report, failure = export.run(), None
        if arguments.index:
            index = Index.of([*export.published.values()], request.limits)
            arguments.index.write_bytes(index.to_bytes())
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  # the boundary that turns errors into reports
        failure = as_failure(error)
        report = export.report(failure) if export else _empty(failure)
    finally:
        progress.close()
    _leave(replace(report, milliseconds=tuple(sorted(progress.milliseconds().items()))))
    if arguments.metrics_file:
        _leave_metrics(arguments.metrics_file, export, report, progress)
    if failure is not None:
        raise failure
    return 0


def _empty(failure: Failure) -> Report:
    return Report(reason=failure.reason.name, message=str(failure))


def _leave_metrics(path: Path, export: Export | None, report: Report, progress: Timed) -> None:
    """Write what the export took and gave; an export that cannot tell it is as good as any other."""
    from tracedmodel_exporter import metrics  # noqa: PLC0415  # who reads no metrics does not pay for them

    try:
        metrics.write(path, metrics.Run(export, report, progress.elapsed(), progress.seconds))
    except OSError as error:
        sys.stderr.write(f"the metrics cannot be written: {error}\n")


def _leave(report: Report) -> None:
    """Write the report for the operator, if there is one to read it, and a line a bucket for people."""
    path = os.environ.get(REPORT_VARIABLE)
    if path:
        report.write(Path(path))
    for row in report.rows:
        error = "" if row.error is None else f"  error {row.error:.1e}"
        times = "" if row.p50 is None else f"  {row.p50 / 1000:.2f} ms"
        sys.stdout.write(f"{row.bucket}  {row.digest[:12]}{error}{times}\n")


def _request(arguments: argparse.Namespace) -> ExportRequest:
    if arguments.manifest:
        request = _from_manifest(Path(arguments.manifest), arguments.store)
    else:
        request = _from_environment()
    return request.model_copy(
        update={"benchmark": request.benchmark and not arguments.no_benchmark}
    )


def _from_environment() -> ExportRequest:
    raw = os.environ.get(REQUEST_VARIABLE)
    if raw is None:
        raise Failure("InvalidRequest", f"neither a manifest nor ${REQUEST_VARIABLE} is given")
    try:
        return ExportRequest.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "all of it"
        raise Failure("InvalidRequest", f"${REQUEST_VARIABLE} at {place}: {first['msg']}") from None


def _from_manifest(path: Path, store: str | None) -> ExportRequest:
    try:
        document = next(iter(manifests.read_documents(path.read_text(encoding="utf-8"))), None)
        resource = manifests.parse(document)
    except (OSError, UnicodeDecodeError) as error:
        raise Failure("InvalidRequest", f"{path} cannot be read: {error}") from None
    except manifests.InvalidManifest as error:
        raise Failure("InvalidRequest", f"{path}: {error}") from None
    url = store or (resource.spec.store.url if resource.spec.store else None)
    if url is None:
        raise Failure("InvalidRequest", f"{path} names no spec.store.url: give --store URL")
    return export_request(resource, url)
