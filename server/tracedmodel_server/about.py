"""What a server says of itself beside its protocols: what it proved, and its metrics."""

from __future__ import annotations

from typing import Any

from tracedmodel_api import __version__
from tracedmodel_api.manifest import Graph
from tracedmodel_runtime.versions import installed
from tracedmodel_server.app import Route
from tracedmodel_server.exchange import Exchange, Reply, json_reply
from tracedmodel_server.metrics import CONTENT_TYPE, Metrics
from tracedmodel_server.model import Proved
from tracedmodel_server.service import Service

_LIBRARIES = ("torch", "torch-neuron", "tokenizers", "numpy")


class About:
    """``/proof`` and ``/metrics``."""

    def __init__(self, service: Service, metrics: Metrics) -> None:
        self._service = service
        self._metrics = metrics

    def routes(self) -> dict[str, Route]:
        """Return the routes by path."""
        return {
            "/proof": Route("GET", "proof", self.proof),
            "/metrics": Route("GET", "metrics", self.metrics),
        }

    async def metrics(self, _exchange: Exchange) -> Reply:
        """Return what Prometheus reads."""
        return Reply(200, self._metrics.render(), CONTENT_TYPE.encode())

    async def proof(self, _exchange: Exchange) -> Reply:
        """Return what every worker proved of every bucket before the server was ready."""
        engine = self._service.engine
        index = engine.artifact.index
        buckets = [
            _bucket(engine.artifact.graphs[bucket], proved)
            for bucket, proved in engine.workers.by_bucket().items()
        ]
        return json_reply(
            {
                "model": self._service.name,
                "artifactDigest": engine.artifact.digest,
                "revision": index.revision,
                "task": index.task.value,
                "target": index.target.value,
                "precision": index.precision.value,
                "limits": index.limits.as_json(),
                "versions": {"tracedmodel": __version__, **installed(*_LIBRARIES)},
                "buckets": buckets,
            }
        )


def _bucket(graph: Graph, proved: list[Proved]) -> dict[str, Any]:
    """Return the worst of all workers, and each one's own figures."""
    return {
        **graph.bucket.as_json(),
        "digest": graph.identity(),
        "maxAbsoluteError": max(one.proof.worst_error() for one in proved),
        "agreement": min(one.proof.agreement for one in proved),
        "p50Microseconds": max(one.times.quantile(0.5) for one in proved),
        "p99Microseconds": max(one.times.quantile(0.99) for one in proved),
        "workers": [
            {
                "worker": one.worker,
                "proof": one.proof.as_json(),
                "p50Microseconds": one.times.quantile(0.5),
                "p99Microseconds": one.times.quantile(0.99),
            }
            for one in proved
        ],
    }
