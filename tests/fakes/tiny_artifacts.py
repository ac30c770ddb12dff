"""Artifacts of tiny models, exported for real into a folder store."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

import tiny_marian
import tiny_models
from tracedmodel_api.buckets import Bucket
from tracedmodel_api.manifest import Index, Limits, Shape
from tracedmodel_api.request import ExportRequest
from tracedmodel_api.store import Store
from tracedmodel_api.types import Precision, Target, Task
from tracedmodel_exporter.pipeline import Export

LIMITS = Limits(absolute=1e-4, relative=1e-4, min_agreement=0.99)
BUCKETS = ((1, 16), (1, 64), (4, 16), (4, 64))
TRANSLATIONS = ((1, 16, 12, 2), (4, 16, 12, 2), (4, 32, 12, 2))


@dataclass(frozen=True)
class TinyArtifact:
    """An artifact, the model that it was made of, and where its parts are."""

    model: Path
    store: Store
    index: Index
    index_file: Path

    def with_index(self, path, **changes):
        """Return the artifact with another index."""
        index = Index.model_validate({**self.index.model_dump(), **changes})
        path.write_bytes(index.to_bytes())
        return TinyArtifact(self.model, self.store, index, path)


class _Silent:
    """Progress that nobody reads."""

    def expect(self, steps):
        pass

    def say(self, text):
        pass

    def close(self):
        pass

    def step(self, *_):
        return contextlib.nullcontext()


def export(folder, family, task, buckets=BUCKETS):
    """Build a tiny model, export it, and return the artifact."""
    if family == "marian":
        return export_model(folder, tiny_marian.save(folder / "model"), task, TRANSLATIONS)
    model = tiny_models.build(folder / "model", family, task)
    if task == "FeatureExtraction":
        tiny_models.pool(model)
    return export_model(folder, model, task, buckets)


def export_model(folder, model, task, buckets):
    """Export the model in folder ``model`` into a store in ``folder``, and return the artifact."""
    request = ExportRequest(
        name="tiny",
        base_fingerprint="0" * 64,
        source=f"file://{model}",
        revision="",
        task=Task(task),
        target=Target.CPU,
        precision=Precision.FLOAT32,
        buckets=[Shape.of(Bucket(*bucket)) for bucket in buckets],
        limits=LIMITS,
        store_url=f"file://{folder}/store",
        benchmark=False,
    )
    run = Export(request, None, _Silent())
    run.run()
    graphs = list(run.published.values())
    index = Index.of(graphs, request.limits)
    index_file = folder / "index.json"
    index_file.write_bytes(index.to_bytes())
    return TinyArtifact(model, Store(request.store_url), index, index_file)
