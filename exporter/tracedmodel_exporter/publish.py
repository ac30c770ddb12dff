"""From the files of one export to blobs in the store, each written and digested once."""

from __future__ import annotations

from tracedmodel_api.manifest import Module
from tracedmodel_api.store import Store
from tracedmodel_runtime.backend import Saved


def store_module(store: Store, saved: Saved) -> Module:
    """Store a traced module and return what its manifest says of it.

    Weights that graphs share are equal to the byte: the store takes them with the first of the graphs.
    """
    return Module(
        name="main",
        graph=store.put_file(saved.graph),
        weights=store.put_file(saved.weights) if saved.weights else None,
    )
