"""Valid documents of the store, and resources: each with whatever a test wants otherwise."""

from manifest_base import manifest
from tracedmodel_api import manifests
from tracedmodel_api.canonical import sha256_hex
from tracedmodel_api.manifest import FORMAT_VERSION, Blob, Graph, Index, Limits
from tracedmodel_api.request import own_fingerprint


def a_resource(change=None):
    """Return the resource of the manifests' table with a change."""
    return manifests.parse(manifest(change))


def a_blob(data):
    """Return the blob of text or bytes."""
    data = data.encode() if isinstance(data, str) else data
    return Blob(digest=sha256_hex(data), size=len(data))


def a_tensor(name="input_ids", **changes):
    document = {"name": name, "dtype": "int64", "shape": [1, 128], "axes": ["batch", "sequence"]}
    return {**document, **changes}


def a_proof(error=1e-6, reference=1.0, agreement=1.0):
    errors = [
        {
            "output": "last_hidden_state",
            "maxAbsoluteError": error,
            "maxAbsoluteReference": reference,
        }
    ]
    return {"errors": errors, "agreement": agreement, "samples": 64}


def a_graph(name="graph", **changes):
    """Return the manifest of one graph whose bytes are named after ``name``; ``changes`` by the stored names.

    Its fingerprint is that of its fields, if ``changes`` does not say another.
    """
    document = {
        "formatVersion": FORMAT_VERSION,
        "fingerprint": "0" * 64,
        "revision": "c9745ed1d9f207416be6d2e6f8de32d1f16199bf",
        "task": "FeatureExtraction",
        "target": "CPU",
        "precision": "Float32",
        "bucket": {"batchSize": 1, "sequenceLength": 128},
        "modules": [
            {
                "name": "main",
                "graph": a_blob(f"graph of {name}").as_json(),
                "weights": a_blob("weights").as_json(),
            }
        ],
        "inputs": [a_tensor("input_ids"), a_tensor("attention_mask")],
        "outputs": [
            a_tensor(
                "last_hidden_state",
                dtype="float32",
                shape=[1, 128, 384],
                axes=["batch", "sequence", "embedding"],
            )
        ],
        "files": {
            "tokenizer.json": a_blob("tokenizer").as_json(),
            "model.json": a_blob("card").as_json(),
        },
        "golden": {
            "blob": a_blob(f"golden of {name}").as_json(),
            "seed": 0,
            "batches": 4,
            "sampling": "16 positions",
        },
        "proof": a_proof(),
        "benchmark": {
            "p50Microseconds": 1500,
            "p99Microseconds": 2500,
            "eagerP50Microseconds": 3000,
            "runs": 20,
            "threads": 1,
        },
        "parameters": 22_713_216,
        "versions": {"torch": "2.5.1", "transformers": "4.46.3", "name": name},
        "created": "2025-01-01T00:00:00Z",
        "createdBy": "tracedmodel 0.1.0",
    }
    graph = Graph.model_validate({**document, **changes})
    named = {"fingerprint": changes.get("fingerprint") or own_fingerprint(graph)}
    return graph.model_copy(update=named)


def bytes_of(graph, name="graph"):
    """Return what :func:`a_graph` of this name takes its blobs from, by digest."""
    texts = (f"graph of {name}", "weights", "tokenizer", "card", f"golden of {name}")
    found = {a_blob(text).digest: text.encode() for text in texts}
    return [found[blob.digest] for blob in graph.blobs()]


def a_published_graph(store, name="graph", **changes):
    """Put a graph and all its blobs into a store and return it."""
    graph = a_graph(name, **changes)
    for data in bytes_of(graph, name):
        store.put(data)
    return store.publish(graph)


def an_index(*graphs, **changes):
    """Return the artifact of graphs that share their files."""
    graphs = graphs or (a_graph(),)
    first = graphs[0]
    values = {
        "format_version": FORMAT_VERSION,
        "task": first.task,
        "target": first.target,
        "precision": first.precision,
        "revision": first.revision,
        "graphs": tuple(graph.identity() for graph in graphs),
        "files": {name: blob.digest for name, blob in first.files.items()},
        "limits": Limits(absolute=1e-4, relative=1e-4, min_agreement=0.99),
    }
    return Index(**{**values, **changes})
