"""What Prometheus reads of a server, in a registry of its own. ``docs/metrics.md`` has every name and its use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from tracedmodel_api.buckets import Bucket
from tracedmodel_server.work import Work

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
INFO = ("version", "model", "task", "target", "precision", "revision", "artifact_digest")
_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_TEXTS = (1, 2, 4, 8, 16, 32, 64, 128)
_TOKENS = (8, 16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 1024, 2048)


@dataclass(frozen=True)
class Start:
    """What a start measured of one bucket, the worst of all workers."""

    error: float
    cost: float
    load_seconds: float
    proof_seconds: float


@dataclass(frozen=True)
class _OfBucket:
    """The children of one bucket: looking them up by label costs more than counting."""

    queue: Histogram
    inference: Histogram
    texts: Histogram
    real: Counter
    padding: Counter


class Metrics:
    """The metrics; it is the batcher's observer as well."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self._of_bucket: dict[Bucket, _OfBucket] = {}
        self._work_of = Work()
        self._of_answer: dict[tuple[str, int], Counter] = {}
        self._make_requests()
        self._make_batches()
        self._make_state()

    def _make_requests(self) -> None:
        self._requests = self._counter("requests", "Requests by route and code", "route", "code")
        self._stages = self._histogram(
            "stage_seconds",
            "Seconds: tokenization and total of a request, queue of a text, inference of a batch",
            _SECONDS,
            "stage",
            "bucket",
        )
        self._tokenization = self._stages.labels("tokenization", "")
        self._total = self._stages.labels("total", "")
        self._lengths = self._histogram("text_tokens", "Tokens of each text", _TOKENS)

    def _make_batches(self) -> None:
        self._texts = self._histogram("batch_texts", "Texts in a batch", _TEXTS, "bucket")
        help_tokens = "Token places computed: real ones, and padding, which is waste"
        self._tokens = self._counter("tokens", help_tokens, "bucket", "kind")
        self._busy = self._counter(
            "worker_busy_seconds", "Seconds that workers ran batches, all together"
        )
        self._work = self._counter(
            "work_seconds", "Seconds that the texts of batches would take if every batch were full"
        )

    def _make_state(self) -> None:
        self._info = self._gauge("build_info", "What is served, and by what", *INFO)
        self._ready_since = self._gauge(
            "ready_timestamp_seconds", "When this server was ready first, in seconds since 1970"
        )
        self.ready = self._gauge("ready", "1 while requests are welcome")
        self.stuck = self._gauge("stuck", "1 while a batch runs longer than any may")
        self._workers = self._gauge("workers", "Threads that run batches side by side")
        self._waiting = self._gauge("queue_texts", "Texts that wait for a worker")
        self._connections = self._gauge("connections", "Open connections, idle ones as well")
        self._bodies = self._gauge("body_bytes", "Bytes of bodies that are not answered yet")
        self._error = self._gauge(
            "golden_error",
            "Worst absolute error against the golden outputs, at the start",
            "bucket",
        )
        self._cost = self._gauge(
            "bucket_cost_seconds",
            "Seconds of a run at the start, which batching plans by",
            "bucket",
        )
        self._fetch = self._gauge("fetch_seconds", "Seconds to fetch and check the artifact")
        self._load = self._gauge("load_seconds", "Seconds to load a graph", "bucket")
        self._proof = self._gauge("proof_seconds", "Seconds to warm up, prove and time", "bucket")

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"tracedmodel_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"tracedmodel_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, bounds: Sequence[float], *labels: str) -> Histogram:
        return Histogram(
            f"tracedmodel_{name}", text, labels, buckets=bounds, registry=self.registry
        )

    def answered(self, route: str, code: int) -> None:
        """Count a request."""
        counter = self._of_answer.get((route, code))
        if counter is None:
            counter = self._of_answer[route, code] = self._requests.labels(route, str(code))
        counter.inc()

    def tokenized(self, seconds: float) -> None:
        """Take note of the seconds that tokenizing a request took."""
        self._tokenization.observe(seconds)

    def done(self, seconds: float) -> None:
        """Take note of the seconds from a request's first look to its answers."""
        self._total.observe(seconds)

    def dispatched(self, bucket: Bucket, lengths: Sequence[int], waited: Sequence[float]) -> None:
        """Take note of a batch that left the queue."""
        own = self._children(bucket)
        real = sum(lengths)
        own.texts.observe(len(lengths))
        self._work.inc(self._work_of.of(lengths))
        own.real.inc(real)
        own.padding.inc(bucket.batch_size * bucket.sequence_length - real)
        for length, seconds in zip(lengths, waited, strict=True):
            own.queue.observe(seconds)
            self._lengths.observe(length)

    def finished(self, bucket: Bucket, seconds: float) -> None:
        """Take note of how long a batch ran."""
        self._children(bucket).inference.observe(seconds)
        self._busy.inc(seconds)

    def fetched(self, seconds: float) -> None:
        """Take note of how long the artifact took to come."""
        self._fetch.set(seconds)

    def proved(self, bucket: Bucket, start: Start) -> None:
        """Take note of what the start measured; all series of a bucket are there from now on."""
        self._children(bucket)
        self._work_of.learn(bucket, start.cost)
        name = str(bucket)
        self._error.labels(name).set(start.error)
        self._cost.labels(name).set(start.cost)
        self._load.labels(name).set(start.load_seconds)
        self._proof.labels(name).set(start.proof_seconds)

    def serves(self, info: Mapping[str, str], workers: int, waiting: Callable[[], int]) -> None:
        """Say what is served, by how many workers, and where to read the queue's depth."""
        self._info.labels(**info).set(1)
        self._workers.set(workers)
        self._waiting.set_function(waiting)

    def watch_connections(self, count: Callable[[], int]) -> None:
        """Read the number of connections whenever somebody asks."""
        self._connections.set_function(count)

    def watch_bodies(self, count: Callable[[], int]) -> None:
        """Read the bytes of bodies whenever somebody asks."""
        self._bodies.set_function(count)

    def started(self) -> None:
        """Note the moment at which the server is ready."""
        self._ready_since.set_to_current_time()

    def render(self) -> bytes:
        """Return the text that Prometheus reads."""
        return generate_latest(self.registry)

    def _children(self, bucket: Bucket) -> _OfBucket:
        known = self._of_bucket.get(bucket)
        if known is None:
            name = str(bucket)
            known = self._of_bucket[bucket] = _OfBucket(
                self._stages.labels("queue", name),
                self._stages.labels("inference", name),
                self._texts.labels(name),
                self._tokens.labels(name, "real"),
                self._tokens.labels(name, "padding"),
            )
        return known
