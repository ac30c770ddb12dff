"""Exports of small models: requests, what a run says of itself, and graphs read back from the store."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path

from tracedmodel_api.buckets import Bucket
from tracedmodel_api.manifest import CARD_FILE, Limits, ModelCard, Shape
from tracedmodel_api.request import ExportRequest, limits
from tracedmodel_api.store import Store
from tracedmodel_api.types import Precision, Target, Task, Tolerance
from tracedmodel_exporter.pipeline import Export
from tracedmodel_runtime.backend import backend_for
from tracedmodel_runtime.golden import Recording
from tracedmodel_runtime.padding import Encoding, PadIds, pad, unpad

SMALL = Bucket(2, 16)
LARGE = Bucket(4, 48)


def a_request(source, store, task="TextClassification", *buckets, **changes):
    """Return a request for a folder (or URL) whose graphs go into a folder (or URL)."""
    precision = Precision(changes.pop("precision", "Float32"))
    fields = {
        "name": "tiny",
        "base_fingerprint": "0" * 64,
        "source": f"file://{source}" if isinstance(source, Path) else source,
        "revision": "",
        "task": Task(task),
        "target": Target.CPU,
        "precision": precision,
        "buckets": tuple(Shape.of(bucket) for bucket in buckets or (SMALL,)),
        "limits": limits(Tolerance(), Target.CPU, precision),
        "store_url": f"file://{store}" if isinstance(store, Path) else store,
        "benchmark": False,
    }
    return ExportRequest(**fields | changes)


def tolerant(error, agreement=0.0):
    """Return limits that allow an absolute error."""
    return Limits(absolute=error, relative=0, min_agreement=agreement)


class Told:
    """Progress that remembers what it was told."""

    def __init__(self):
        self.expected = []
        self.steps = []
        self.said = []
        self.closed = False

    def expect(self, steps):
        self.expected.append(steps)

    @contextmanager
    def step(self, subject, name):
        yield
        self.steps.append((subject, name))

    def say(self, text):
        self.said.append(text)

    def close(self):
        self.closed = True

    def traced(self):
        """Return the buckets that were traced."""
        return [subject for subject, name in self.steps if name == "trace"]


def run(request, share=None):
    """Run an export; return its report and what it told."""
    told = Told()
    return Export(request, share, told).run(), told


class Artifact:
    """One published graph, read back as a server reads it."""

    def __init__(self, request, row):
        self.store = Store(request.store_url)
        self.graph = self.store.graph_by_digest(row.digest)
        self.card = ModelCard.model_validate_json(
            self.store.read(self.graph.files[CARD_FILE].digest)
        )
        self._backend = backend_for(self.graph.target)
        self._room = tempfile.TemporaryDirectory()
        (self.module,) = self.graph.modules
        folder = Path(self._room.name)
        self.weights_path = self.store.fetch(self.module.weights, folder)
        self.graph_path = self.store.fetch(self.module.graph, folder)
        self.weights = dict(self._backend.weights(self.weights_path))

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self._room.cleanup()

    def recording(self):
        """Return the golden data."""
        return Recording.parse(self.store.read(self.graph.golden.blob.digest))

    def loaded(self, weights=None):
        """Return the graph, ready to run."""
        return self._backend.load(self.graph_path, self.weights if weights is None else weights)

    def runner(self, weights=None):
        """Return the graph as a function of one batch's texts."""
        graph, ids = self.loaded(weights), PadIds(self.card.pad_token_id, self.card.pad_type_id)
        bucket = self.graph.bucket.bucket()
        return lambda batch: graph(pad(batch, bucket, self.card.inputs, ids))

    def answers(self, texts):
        """Return each text's part of the outputs; texts are encodings of tokenizers."""
        encodings = [Encoding(text.ids, text.type_ids) for text in texts]
        axes = [output.axes for output in self.graph.outputs]
        return unpad(self.runner()(encodings), axes, encodings)
