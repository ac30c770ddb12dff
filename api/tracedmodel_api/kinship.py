"""Graphs of one model: whatever their buckets, they share files and weights, or they make no artifact."""

from __future__ import annotations

from tracedmodel_api.canonical import fingerprint
from tracedmodel_api.manifest import Blob, Graph
from tracedmodel_api.report import Failure


def model_of(graph: Graph) -> str:
    """Return what is the same for all graphs that may be of one artifact, and differs for any other."""
    return fingerprint(
        {
            "revision": graph.revision,
            "task": graph.task.value,
            "target": graph.target.value,
            "precision": graph.precision.value,
            "compiler": graph.compiler.as_json() if graph.compiler else None,
            "versions": graph.versions,
        }
    )


def demand_kinship(graph: Graph, other: Graph, url: str) -> None:
    """Raise Failure ManifestInvalid if two graphs of one model, in the store at ``url``, do not share their blobs."""
    if _shared(graph) != _shared(other):
        names = f"graphs/{graph.fingerprint}.json and graphs/{other.fingerprint}.json"
        message = f"store {url}: {names} name different files or weights: remove the older"
        raise Failure("ManifestInvalid", message)


def _shared(graph: Graph) -> tuple[dict[str, Blob], list[Blob | None]]:
    return graph.files, [module.weights for module in graph.modules]
