"""How long a replica may take to start and to end, and an export to run: bounds from what is known of the graphs.

A bound that is too short ends what would have come to a good end, and again the next time. One that is too long costs
time only where something hangs: a server or exporter that fails ends by itself and says why. So every bound is wide.
Of a replica they follow from the artifact, the serving pods' own resources and the settings alone: a change of
anything else must not change the pods, which would replace them.
"""

from __future__ import annotations

import math

from tracedmodel_api.buckets import Bucket
from tracedmodel_api.report import Row
from tracedmodel_api.request import ExportRequest
from tracedmodel_api.types import Target
from tracedmodel_operator.quantities import value
from tracedmodel_operator.render.replica import Replica

_SLACK = 2
_IMPORTS_SECONDS = 60
"""Half a gigabyte of libraries, from a disk that has only just got them; from memory they take a few seconds."""
_BYTES_PER_SECOND = 10e6
"""From a store far away, or a shared volume without burst credits."""
_BYTES_PER_PARAMETER = 4
_PARAMETERS = 335_000_000
"""Of a model whose report does not say: BERT-large."""
_GRAPH_SECONDS = 2
"""To read a graph, 0.04 seconds of six layers measured, and what TorchScript adds to its first two runs, 0.2."""
_NEURON_BYTES_PER_SECOND = 50e6
"""Onto NeuronCores, one after the other. Assumed: nobody has published what it takes."""
_PROOF_RUNS = 10
"""A bucket of one text is proved by eight batches, any other by fewer; the stopwatch makes seven of them at least."""
_TOKEN_SECONDS = {Target.CPU: 2.5e-3, Target.INF1: 1e-4}
"""A token of a bucket, where nothing was measured. CPU: BERT-large on two CPUs, 3.5 times the 0.7 ms that BERT-base
took. Inf1: BERT-large, of which AWS counts 360 texts of 128 tokens a second on four cores."""
_BOUND_CPUS, _EXPORTER_CPUS = 2, 8
"""CPUs behind that figure, and at most behind a measured one: a report does not say how many the exporter had."""
_LONGEST_START = 3600
_LONGEST_END = 600
"""Cluster autoscalers wait no longer for a pod, unless told to."""
_LEAVING_SECONDS = 10
"""After all else a server waits five seconds for threads that hang."""

_EXPORT_START_SECONDS = 1800
"""Time to get a node, the image and the model, before the first bucket."""
_BUCKET_SECONDS = 600
"""Tracing, saving and publishing a bucket."""
_EXPORT_RUNS = 40
"""Golden batches and benchmark of a bucket, by the eager model and by the graph."""


def start_seconds(replica: Replica) -> int:
    """Return how long a server may fetch, load, warm up and prove every graph: from two minutes to an hour.

    Twice the sum of the libraries' time, the time of the artifact's bytes, and for each graph the time to load it and
    of its proof, by its measured p50. A server that was stopped too early gets further the next time: it finds the
    blobs that it had fetched.
    """
    report = replica.artifact.report
    size = sum(row.size for row in report.rows)
    if replica.target is Target.CPU:
        # There the graphs share their weights, which no row counts.
        size += _BYTES_PER_PARAMETER * (report.parameters or _PARAMETERS)
    graphs = sum(
        _load_seconds(replica, row) + _PROOF_RUNS * _run_seconds(replica, row)
        for row in report.rows
    )
    needed = _IMPORTS_SECONDS + size / _BYTES_PER_SECOND + graphs
    return min(_LONGEST_START, math.ceil(_SLACK * needed))


def grace_seconds(replica: Replica) -> int:
    """Return how long a server may finish what it accepted: as set, and longer where a full queue takes longer.

    The queue is full of the longest texts, in the batches that suit them best, which hold shorter ones too; before it
    runs a batch that has just begun. One worker runs them all: of several it may be the only one that holds their
    bucket, and a pipeline may span all cores.
    """
    seconds = {row.bucket: _run_seconds(replica, row) for row in replica.artifact.report.rows}
    longest = max((bucket.sequence_length for bucket in seconds), default=0)
    text = min(
        (
            run / bucket.batch_size
            for bucket, run in seconds.items()
            if bucket.sequence_length == longest
        ),
        default=0.0,
    )
    texts: int = replica.resource.spec.serving.batching.max_queued_requests
    begun, queue = max(seconds.values(), default=0.0), texts * text
    least = replica.settings.grace_seconds
    most = _LONGEST_END - replica.settings.drain_seconds - _LEAVING_SECONDS
    return max(least, min(most, math.ceil(begun + queue)))


def end_seconds(replica: Replica) -> int:
    """Return how long the kubelet waits for a server that was told to stop: longer than it may take by itself."""
    return replica.settings.drain_seconds + grace_seconds(replica) + _LEAVING_SECONDS


def export_seconds(request: ExportRequest) -> int:
    """Return how long an export may take: half an hour, and then what the pod with the largest share takes."""
    compiling = request.compiler_timeout_seconds if request.compiler else 0
    runs = _EXPORT_RUNS * _TOKEN_SECONDS[Target.CPU]
    shares = [request.share(index) for index in range(request.parallelism)]
    longest = max(
        sum(_BUCKET_SECONDS + compiling + runs * _tokens(bucket) for bucket in share)
        for share in shares
    )
    return math.ceil(_EXPORT_START_SECONDS + longest)


def _load_seconds(replica: Replica, row: Row) -> float:
    if replica.target is Target.CPU:
        return _GRAPH_SECONDS
    return replica.most_workers * (_GRAPH_SECONDS + row.size / _NEURON_BYTES_PER_SECOND)


def _run_seconds(replica: Replica, row: Row) -> float:
    """Return how long a run of a bucket takes in a serving pod, at most."""
    if row.p50 is None:
        seconds, cpus = _TOKEN_SECONDS[replica.target] * _tokens(row.bucket), _BOUND_CPUS
    else:
        seconds, cpus = row.p50 / 1e6, _EXPORTER_CPUS
    if replica.target is not Target.CPU:
        return seconds
    own = float(value(replica.resources.get("cpu", "1")))
    return seconds * max(1.0, cpus / own)


def _tokens(bucket: Bucket) -> int:
    """Return how many tokens a run reads: a translation's decoder reads every beam's whole answer for each of its tokens."""
    answer = (bucket.beams or 1) * (bucket.target_length or 0) ** 2
    return bucket.batch_size * (bucket.sequence_length + answer)
