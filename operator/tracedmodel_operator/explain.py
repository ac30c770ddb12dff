"""``tracedmodel explain``: what applying a manifest would export, how it fits, and the children, without doing it."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import yaml

from tracedmodel_api import manifests
from tracedmodel_api.buckets import Bucket
from tracedmodel_api.cores import TooLarge, graphs_per_worker, lay_out, most_parameters
from tracedmodel_api.report import Report, Row
from tracedmodel_api.request import wanted_limits
from tracedmodel_api.types import Target, TracedModel
from tracedmodel_api.words import counted
from tracedmodel_operator.artifacts import Artifact, compose
from tracedmodel_operator.observe import Observation
from tracedmodel_operator.plan import Plan, make_plan
from tracedmodel_operator.rollout import roll_out
from tracedmodel_operator.scaling import render_scaler
from tracedmodel_operator.settings import Settings, read_settings
from tracedmodel_operator.stores import StoreRef, store_of

summary = "show what applying a manifest would export and create, and how it fits on NeuronCores"

_UNKNOWN = "0" * 64
"""Stands for digests that only the export can tell."""
_DEFAULT_STORE = "s3://the-operators-default-store"
"""Stands for the store where neither the manifest nor this environment names one."""
Child = Mapping[str, Any]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "file",
        metavar="FILE",
        type=Path,
        help="a TracedModel manifest; with its status, as kubectl gives it, that is looked at too",
    )
    parser.add_argument(
        "--parameters",
        metavar="NUMBER",
        type=_parameters,
        help="the weights of the model, such as 110e6, where no status tells them",
    )
    parser.epilog = (
        "The output is YAML with comments: what the operator would be told by the environment variables "
        "TRACEDMODEL_OPERATOR_... is read from this environment."
    )


def _parameters(text: str) -> int:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 1 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of weights, such as 110e6")
    return int(number)


def run(arguments: argparse.Namespace) -> int:
    """Print the explanation; raises Failure InvalidRequest for a bad manifest."""
    settings = read_settings()
    for number, resource in enumerate(_read(arguments.file)):
        if number:
            sys.stdout.write("---\n")
        sys.stdout.write(explain(resource, settings, arguments.parameters))
    return 0


def _read(file: Path) -> list[TracedModel]:
    with manifests.reading(file):
        documents = manifests.read_documents(file.read_text(encoding="utf-8"))
        return [manifests.parse(document) for document in documents]


def explain(resource: TracedModel, settings: Settings, parameters: int | None = None) -> str:
    """Return the explanation of one resource: comments, then the children as YAML."""
    if settings.default_store_url is None:
        settings = settings.with_(default_store_url=_DEFAULT_STORE)
    nothing = Observation(datetime.now(timezone.utc))
    plan = make_plan(resource, nothing, settings)
    known = parameters or resource.status.parameters_of(plan.fingerprint)
    lines = [*_about(resource, settings), *_export(resource, plan), *_fit(resource, known)]
    comments = "".join(f"# {line}".rstrip() + "\n" for line in lines)
    artifact = _imagined(resource, plan, settings, known)
    serving = _serving(resource, nothing, settings, artifact) if artifact else ()
    return comments + _children(plan, serving)


def _about(resource: TracedModel, settings: Settings) -> Iterator[str]:
    spec, metadata = resource.spec, resource.metadata
    revision = f" at {spec.model.revision}" if spec.model.revision else ""
    yield f"{metadata.namespace}/{metadata.name}: {spec.model.task.value} on {spec.target.value}"
    yield f"model   {spec.model.source}{revision}"
    store = store_of(resource, settings)
    yield f"store   {store if isinstance(store, str) else _named(store)}"
    limits = wanted_limits(resource)
    yield (
        f"proof   error <= {limits.absolute:g} + {limits.relative:g} x largest reference, "
        f"agreement >= {limits.min_agreement:.0%}"
    )


def _named(store: StoreRef) -> str:
    if store.identity != _DEFAULT_STORE:
        return store.identity
    return (
        "the operator's default, which is not known here: names with a fingerprint will be others"
    )


def _export(resource: TracedModel, plan: Plan) -> Iterator[str]:
    """Say which buckets would be traced: none that the status has for the same request."""
    artifact = resource.status.artifact
    rows = artifact.buckets if artifact and artifact.fingerprint == plan.fingerprint else []
    there = {Bucket(b.batch_size, b.sequence_length, b.target_length, b.beams) for b in rows}
    yield ""
    if plan.problem:
        yield f"nothing is exported: {plan.problem.reason}: {plan.problem.message}"
    elif resource.spec.suspend:
        yield "nothing is exported: spec.suspend is set"
    for bucket in resource.buckets():
        what = "is there already" if bucket in there else "is traced"
        yield f"bucket {bucket!s:<12} {what}"


def _fit(resource: TracedModel, parameters: int | None) -> Iterator[str]:
    """Say how many graphs a NeuronCore holds, and which worker would hold which."""
    if resource.spec.target is Target.CPU:
        return
    buckets, spec = resource.buckets(), resource.spec
    pipeline, cores = spec.pipeline_cores, spec.neuron_cores
    workers = max(1, cores // pipeline)
    yield ""
    width = counted(pipeline, "NeuronCore")
    yield f"a replica has {counted(cores, 'NeuronCore')}: {counted(workers, 'worker')} of {width}"
    if parameters is None:
        each = math.ceil(len(buckets) / workers)
        yield (
            f"every worker holds all {len(buckets)} graphs if the model has at most "
            f"{most_parameters(len(buckets), pipeline) // 10**6} million weights"
        )
        yield (
            "they fit at all, spread over the workers, if it has at most "
            f"{most_parameters(each, pipeline) // 10**6} million"
        )
        yield "how many it has is known after the first export; or say it with --parameters"
        return
    held = graphs_per_worker(parameters, pipeline)
    yield f"the model has {parameters / 1e6:.1f} million weights: a worker holds {held} of its graphs"
    try:
        layout = lay_out(buckets, parameters, cores, pipeline)
    except TooLarge as error:
        yield f"it does not fit: {error}"
        return
    for part in layout.parts:
        holders = "1 worker holds" if part.workers == 1 else f"{part.workers} workers hold"
        yield f"{holders} {', '.join(map(str, part.buckets))}"


def _imagined(
    resource: TracedModel, plan: Plan, settings: Settings, parameters: int | None
) -> Artifact | None:
    """Return what the export would make, as far as it is known before; None where it has no store to go to."""
    store = store_of(resource, settings)
    if isinstance(store, str):
        return None
    rows = tuple(Row(bucket, _UNKNOWN, 0) for bucket in resource.buckets())
    return compose(resource, plan.fingerprint, Report(rows, "", parameters or 0), store)


def _serving(
    resource: TracedModel, nothing: Observation, settings: Settings, artifact: Artifact
) -> tuple[Child, ...]:
    """Return the children that would serve an artifact."""
    scaling = resource.spec.serving.autoscaling
    scalers = (render_scaler(resource, scaling, settings),) if scaling else ()
    return (*roll_out(resource, nothing, settings, artifact, artifact).create, *scalers)


def _children(plan: Plan, serving: tuple[Child, ...]) -> str:
    return _yaml("now, for the export:", plan.create if serving else ()) + _yaml(
        "once exported; digests that the export makes stand as zeros or follow from those:", serving
    )


def _yaml(heading: str, children: tuple[Child, ...]) -> str:
    if not children:
        return ""
    documents = [yaml.safe_dump(_unowned(child), sort_keys=False, width=120) for child in children]
    return f"#\n# {heading}\n" + "".join(f"---\n{document}" for document in documents)


def _unowned(child: Child) -> dict[str, Any]:
    """Return a child without the owner, whose uid only a cluster knows."""
    metadata = {k: v for k, v in child["metadata"].items() if k != "ownerReferences"}
    return {**child, "metadata": metadata}
