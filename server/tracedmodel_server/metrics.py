"""What Prometheus reads of a server, in a registry of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

from tracedmodel_api.buckets import Bucket

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_TEXTS = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """The metrics; it is the batcher's observer as well."""

    def __init__(self, version: str) -> None:
        self._registry = registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=registry)
        info = Gauge(
            "tracedmodel_server_info", "The server's version", ["version"], registry=registry
        )
        info.labels(version).set(1)
        self._requests = Counter(
            "tracedmodel_requests",
            "Requests by route and code",
            ["route", "code"],
            registry=registry,
        )
        stages = Histogram(
            "tracedmodel_stage_seconds",
            "Seconds in each stage: tokenization a request, queue a text, inference a batch",
            ["stage"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.tokenization = stages.labels("tokenization")
        self._queue = stages.labels("queue")
        self._inference = stages.labels("inference")
        self._batch = Histogram(
            "tracedmodel_batch_texts", "Texts in a batch", buckets=_TEXTS, registry=registry
        )
        self._batches = Counter(
            "tracedmodel_batches", "Batches by bucket", ["bucket"], registry=registry
        )
        tokens = Counter(
            "tracedmodel_tokens",
            "Token places computed: real ones, and padding, which is waste",
            ["kind"],
            registry=registry,
        )
        self._real, self._padding = tokens.labels("real"), tokens.labels("padding")
        self._waiting = Gauge(
            "tracedmodel_queue_texts", "Texts that wait for a worker", registry=registry
        )
        self._error = Gauge(
            "tracedmodel_golden_error",
            "Worst absolute error against the golden outputs, when this server started",
            ["bucket"],
            registry=registry,
        )
        self.ready = Gauge("tracedmodel_ready", "1 while requests are welcome", registry=registry)

    def answered(self, route: str, code: int) -> None:
        """Count a request."""
        self._requests.labels(route, str(code)).inc()

    def dispatched(self, bucket: Bucket, lengths: Sequence[int], waited: Sequence[float]) -> None:
        """Take note of a batch that left the queue."""
        real = sum(lengths)
        self._batch.observe(len(lengths))
        self._batches.labels(str(bucket)).inc()
        self._real.inc(real)
        self._padding.inc(bucket.batch_size * bucket.sequence_length - real)
        for seconds in waited:
            self._queue.observe(seconds)

    def finished(self, seconds: float) -> None:
        """Take note of how long a batch ran."""
        self._inference.observe(seconds)

    def proved(self, bucket: Bucket, error: float) -> None:
        """Take note of what the proof measured."""
        self._error.labels(str(bucket)).set(error)

    def watch_queue(self, count: Callable[[], int]) -> None:
        """Read the queue's depth whenever somebody asks."""
        self._waiting.set_function(count)

    def render(self) -> bytes:
        """Return the text that Prometheus reads."""
        return generate_latest(self._registry)
