"""Indexes as ConfigMaps, as the operator makes them."""

from __future__ import annotations

from builders import an_index
from resources import STORE, report, resource
from tracedmodel_operator.artifacts import Artifact
from tracedmodel_operator.render.index import render_index


def index_of(*graphs, namespace="search", **changes):
    """Return the ConfigMap of graphs that share their files, with no owner; ``changes`` are of its fields."""
    artifact = Artifact("0" * 64, an_index(*graphs), report(), STORE)
    item = render_index(resource(namespace=namespace), artifact)
    del item["metadata"]["ownerReferences"]
    return {**item, **changes}
