"""What Prometheus reads of the operator, in a registry of its own. Callers say what happened and see no metric."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence

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

from tracedmodel_api import __version__
from tracedmodel_operator.collectors import Ages, ConditionCounts, Resources
from tracedmodel_operator.kinds import BY_NAME
from tracedmodel_operator.kube import Request, Response, Transport
from tracedmodel_operator.podstate import Trouble
from tracedmodel_operator.pulse import Signs

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
RESULTS = ("success", "requeue", "refused", "conflict", "unavailable", "timeout", "error")
"""Ends of a reconcile that are shown from the start; others appear when they happen."""
NO_ANSWER = "none"
"""The code of a request that got no answer."""

_RECONCILE = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_WAIT = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300)
_EXPORT = (1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400)
_REQUEST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The metrics. Each method takes note of one happening; each ``watch_`` says where to read a value when asked."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self.conditions = ConditionCounts()
        self.registry.register(Resources(self.conditions))
        self._make_reconciles()
        self._make_exports()
        self._make_requests()
        self._leader = self._gauge("operator_leader", "1 while this operator holds the Lease")
        self._load_unknown = self._gauge(
            "operator_autoscalers_blind",
            "Resources whose autoscaler has not known the load for minutes",
            "reason",
        )
        self._blind: dict[object, str] = {}
        about = self._gauge("operator_build_info", "Which operator this is", "version")
        about.labels(__version__).set(1)

    def _make_reconciles(self) -> None:
        self._reconciles = self._counter(
            "operator_reconciles", "Looks at a resource, by how they ended", "result"
        )
        for result in RESULTS:
            self._reconciles.labels(result)
        self._duration = self._histogram(
            "operator_reconcile_seconds", "Seconds of a look at a resource", _RECONCILE
        )
        self._retries = self._counter("operator_retries", "Resources put back after a failure")
        self._depth = self._gauge("operator_queue_depth", "Resources that wait for a worker")
        self._oldest = self._gauge(
            "operator_queue_oldest_seconds", "Seconds that the first of them has waited"
        )
        self._delayed = self._gauge(
            "operator_queue_delayed", "Resources that are to be looked at later"
        )
        self._wait = self._histogram(
            "operator_queue_wait_seconds", "Seconds that a resource waited for a worker", _WAIT
        )

    def _make_exports(self) -> None:
        self._phases = self._histogram(
            "operator_export_seconds", "Seconds of each phase of an export", _EXPORT, "phase"
        )
        self._buckets = self._counter(
            "operator_export_buckets", "Exported buckets, by whether the store had them", "cached"
        )
        self._of_cache = {
            cached: self._buckets.labels(str(cached).lower()) for cached in (True, False)
        }

    def _make_requests(self) -> None:
        self._requests = self._counter(
            "operator_api_requests", "Requests to the API server", "method", "kind", "code"
        )
        self._request_seconds = self._histogram(
            "operator_api_request_seconds", "Seconds until its answer", _REQUEST, "method", "kind"
        )

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"tracedmodel_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"tracedmodel_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, bounds: Sequence[float], *labels: str) -> Histogram:
        return Histogram(
            f"tracedmodel_{name}", text, labels, buckets=bounds, registry=self.registry
        )

    def load_unknown(self, key: object, trouble: Trouble | None) -> None:
        """Take note of whether a resource's autoscaler knows the load, or why not."""
        reason = trouble.reason if trouble else None
        if reason == self._blind.get(key):
            return
        if before := self._blind.pop(key, None):
            self._load_unknown.labels(before).dec()
        if reason:
            self._blind[key] = reason
            self._load_unknown.labels(reason).inc()

    def reconciled(self, result: str, seconds: float) -> None:
        """Take note of a look at a resource: its result, one of few words, and how long it took."""
        self._reconciles.labels(result).inc()
        self._duration.observe(seconds)

    def retried(self) -> None:
        """Count a resource that is put back after a failure."""
        self._retries.inc()

    def queued(self, seconds: float) -> None:
        """Take note of how long a resource waited for a worker."""
        self._wait.observe(seconds)

    def export_took(self, phase: str, seconds: float) -> None:
        """Take note of a phase of an export."""
        self._phases.labels(phase).observe(seconds)

    def exported(self, *, cached: int, traced: int) -> None:
        """Count the buckets of an export that the store had, and those that were traced."""
        self._of_cache[True].inc(cached)
        self._of_cache[False].inc(traced)

    def requested(self, method: str, kind: str, code: str, seconds: float) -> None:
        """Take note of a request to the API server."""
        self._requests.labels(method, kind, code).inc()
        self._request_seconds.labels(method, kind).observe(seconds)

    def watch_queue(
        self,
        depth: Callable[[], float],
        delayed: Callable[[], float],
        oldest: Callable[[], float],
    ) -> None:
        """Read the work queue whenever somebody asks."""
        self._depth.set_function(depth)
        self._delayed.set_function(delayed)
        self._oldest.set_function(oldest)

    def watch_leader(self, leads: Callable[[], bool]) -> None:
        """Read whether this operator leads whenever somebody asks."""
        self._leader.set_function(leads)

    def watch_signs(self, signs: Callable[[], Mapping[str, Signs]]) -> None:
        """Read the ages of lists and watch events whenever somebody asks."""
        self.registry.register(Ages(signs))

    def render(self) -> bytes:
        """Return the text that Prometheus reads."""
        return generate_latest(self.registry)


class Metered:
    """A transport that tells the metrics of each request."""

    def __init__(
        self,
        transport: Transport,
        metrics: Metrics,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._transport = transport
        self._metrics = metrics
        self._clock = clock

    async def __call__(self, request: Request) -> Response:
        """Send a request and return the answer."""
        started = self._clock()
        code = NO_ANSWER
        try:
            response = await self._transport(request)
            code = str(response.status)
            return response
        finally:
            seconds = self._clock() - started
            self._metrics.requested(request.method, _kind(request.path), code, seconds)


_KINDS = {kind.plural: name for name, kind in BY_NAME.items()}
_PLURAL = re.compile(r"/(?:api|apis/[^/]+)/[^/]+(?:/namespaces/[^/]+)?/([^/]+)")


def _kind(path: str) -> str:
    """Return the kind that a path speaks of: one of ours, or ``other``, so that there are few."""
    found = _PLURAL.match(path)
    return _KINDS.get(found[1], "other") if found else "other"
