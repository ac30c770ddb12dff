"""What the command's arguments and files say together: target, buckets with their times, how a replica is set up."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tracedmodel_api import manifests
from tracedmodel_api.buckets import Bucket
from tracedmodel_api.cores import TooLarge, graphs_per_worker, lay_out
from tracedmodel_api.report import Failure
from tracedmodel_api.spec_serving import Batching
from tracedmodel_api.types import KIND, Target, TracedModel
from tracedmodel_server.capacity.calibrate import (
    CORES_PER_CHIP,
    ROWS,
    Encoder,
    fit,
    parse_encoder,
)
from tracedmodel_server.capacity.instances import (
    Instance,
    cpu_instances,
    inf1_instances,
    parse_prices,
)
from tracedmodel_server.capacity.simulate import Balancing, Fleet
from tracedmodel_server.capacity.times import (
    Spread,
    demand_times,
    of_status,
    parse_buckets,
    parse_times,
)


@dataclass(frozen=True)
class Given:
    """The files that the arguments name, read."""

    target: Target
    resource: TracedModel | None
    buckets: tuple[Bucket, ...]
    measured: Mapping[Bucket, Spread]
    encoder: Encoder | None

    @property
    def pipeline_cores(self) -> int:
        """Return the NeuronCores that a graph spans."""
        return self.resource.spec.pipeline_cores if self.resource else 1


@dataclass(frozen=True)
class Replica:
    """One server as it is set up, what it may stand on, and what is to be known of its times."""

    server: Fleet
    instances: list[Instance]
    computed: int
    """How many of its buckets' times are computed rather than measured."""


def read(arguments: argparse.Namespace) -> Given:
    """Return what the files say; raises Failure InvalidRequest."""
    resource = _resource(arguments.manifest) if arguments.manifest else None
    target = _target(arguments.target, resource)
    encoder = parse_encoder(arguments.encoder) if arguments.encoder else None
    if encoder is not None and target is not Target.INF1:
        message = "--encoder computes times of target Inf1 alone: give --times FILE for CPUs"
        raise Failure("InvalidRequest", message)
    times: dict[Bucket, Spread] = {}
    if resource is not None and resource.status.artifact is not None:
        times = of_status(resource.status.artifact.buckets)
    if arguments.times:
        times |= parse_times(read_text(arguments.times), arguments.times)
    if arguments.buckets:
        buckets = tuple(parse_buckets(arguments.buckets))
    else:
        buckets = resource.buckets() if resource else tuple(sorted(times, key=str))
    given = Given(target, resource, buckets, times, encoder)
    if encoder is not None and given.pipeline_cores > 1:
        message = "--encoder computes times of single NeuronCores: give --times FILE for pipelines"
        raise Failure("InvalidRequest", message)
    return given


def replica(arguments: argparse.Namespace, given: Given) -> Replica:
    """Return how a replica is set up, and the instances it may stand on; raises Failure InvalidRequest."""
    if not given.buckets:
        message = "no buckets: give a manifest, --buckets 1x128,8x128 or --times FILE"
        raise Failure("InvalidRequest", message)
    computed = fit(ROWS).times(given.encoder, given.buckets) if given.encoder else {}
    times = demand_times(given.buckets, {**computed, **given.measured})
    batching = given.resource.spec.serving.batching if given.resource else Batching()
    delay = _first(arguments.max_delay, batching.max_delay_milliseconds)
    server = Fleet(
        servers=1,
        workers=1,
        times=times,
        max_delay=delay / 1000,
        max_queued=_first(arguments.max_queued, batching.max_queued_requests),
        host_seconds=arguments.host_milliseconds / 1000,
        balancing=Balancing(arguments.balancing),
        most_buckets=_most_buckets(arguments, given),
    )
    unknown = sum(bucket not in given.measured for bucket in given.buckets)
    return Replica(server, _instances(arguments, given), unknown)


def read_text(name: str) -> str:
    """Return the text of a file; raises Failure InvalidRequest."""
    try:
        return Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Failure("InvalidRequest", f"{name}: cannot be read: {error}") from None


def _resource(name: str) -> TracedModel:
    try:
        documents = [
            document
            for document in manifests.read_documents(read_text(name))
            if not isinstance(document, dict) or document.get("kind", KIND) == KIND
        ]
        if len(documents) != 1:
            message = f"{name}: has {len(documents)} TracedModels; give a file with one"
            raise Failure("InvalidRequest", message)
        return manifests.parse(documents[0])
    except manifests.InvalidManifest as error:
        raise Failure("InvalidRequest", f"{name}: {error}") from None


def _target(asked: str | None, resource: TracedModel | None) -> Target:
    if resource is None:
        return Target(asked or Target.INF1)
    if asked not in (None, resource.spec.target.value):
        message = f"--target {asked}: the manifest's is {resource.spec.target.value}; leave it out"
        raise Failure("InvalidRequest", message)
    return resource.spec.target


def _instances(arguments: argparse.Namespace, given: Given) -> list[Instance]:
    prices = parse_prices(arguments.price)
    if given.target is Target.CPU:
        return cpu_instances(arguments.workers, prices)
    return inf1_instances(_cores(arguments, given), prices, given.pipeline_cores)


def _cores(arguments: argparse.Namespace, given: Given) -> int:
    """Return the NeuronCores of a replica; raises Failure InvalidRequest where a pipeline has more."""
    declared = given.resource.spec.neuron_cores if given.resource else CORES_PER_CHIP
    cores = _first(arguments.neuron_cores, declared)
    if cores < given.pipeline_cores:
        message = f"--neuron-cores {cores}: the manifest's graphs span {given.pipeline_cores}"
        raise Failure("InvalidRequest", message)
    return cores


def _most_buckets(arguments: argparse.Namespace, given: Given) -> int | None:
    """Return how many graphs, each with the model's weights, fit a worker, where that is known.

    Raises Failure InvalidRequest where the buckets do not fit on all workers together.
    """
    if given.target is Target.CPU:
        return None
    model = given.resource.status.model if given.resource else None
    weights = (model.parameters if model else None) or (given.encoder and given.encoder.weights)
    if not weights:
        return None
    try:
        lay_out(given.buckets, weights, _cores(arguments, given), given.pipeline_cores)
    except TooLarge as error:
        raise Failure("InvalidRequest", str(error)) from None
    return graphs_per_worker(weights, given.pipeline_cores)


def _first(chosen: int | None, otherwise: int) -> int:
    return otherwise if chosen is None else chosen
