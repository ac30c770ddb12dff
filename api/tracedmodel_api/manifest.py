"""What stands in the store: the manifest of one graph, and the index that makes an artifact of graphs.

Every reader checks the digest of bytes before it parses them, so these types never meet what nobody vouched for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from tracedmodel_api.buckets import Bucket
from tracedmodel_api.document import Document
from tracedmodel_api.generation import Generation
from tracedmodel_api.types import Compiler, Precision, Target, Task

FORMAT_VERSION = 1
"""Version of the manifest, the index and the golden file. A reader refuses any other."""

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Blob(Document):
    """Bytes in the store, by their digest."""

    digest: Digest
    size: int = Field(ge=0)


class Shape(Document):
    """A bucket as formats spell it."""

    batch_size: int = Field(ge=1)
    sequence_length: int = Field(ge=1)
    target_length: int | None = None
    beams: int | None = None

    @classmethod
    def of(cls, bucket: Bucket) -> Shape:
        """Return the shape of a bucket."""
        return cls.model_validate(bucket.as_json())

    def bucket(self) -> Bucket:
        """Return the bucket of this shape."""
        return Bucket(self.batch_size, self.sequence_length, self.target_length, self.beams)


Axis = Literal["batch", "beam", "sequence", "label", "vocabulary", "embedding"]
"""``beam`` counts the beams of all texts of a batch."""


class TensorSpec(Document):
    """An input or output of a graph: its name, numpy dtype name, shape, and what each axis counts."""

    name: str
    dtype: Literal["int64", "float32"]
    shape: tuple[int, ...]
    axes: tuple[Axis, ...]


ModuleName = Literal["main", "encoder", "decoder"]


class Module(Document):
    """One traced module of a graph: its file, and the weights that it shares, if they are kept apart."""

    name: ModuleName
    graph: Blob
    weights: Blob | None = None


class OutputError(Document):
    """Measured error of one output over its golden samples."""

    output: str
    max_absolute_error: float = Field(ge=0)
    max_absolute_reference: float = Field(ge=0)


class Proof(Document):
    """How a graph compared with the eager model on the golden inputs."""

    errors: tuple[OutputError, ...] = Field(min_length=1)
    agreement: float = Field(ge=0, le=1)
    samples: int = Field(ge=0)

    def worst_error(self) -> float:
        """Return the largest absolute error of all outputs."""
        return max(error.max_absolute_error for error in self.errors)


class Golden(Document):
    """The golden file of a graph and how its samples were chosen."""

    blob: Blob
    seed: int
    batches: int = Field(ge=1)
    sampling: str


class Benchmark(Document):
    """Times of one batch in microseconds, on the exporter's machine."""

    p50_microseconds: int = Field(ge=0)
    p99_microseconds: int = Field(ge=0)
    eager_p50_microseconds: int = Field(ge=0)
    runs: int = Field(ge=1)
    threads: int = Field(ge=1)


class CompilerSettings(Document):
    """The compiler settings that change what a graph computes."""

    pipeline_cores: int
    args: tuple[str, ...]

    @classmethod
    def of(cls, compiler: Compiler | None, target: Target) -> CompilerSettings | None:
        """Return the settings of a spec, or None where the target has no compiler."""
        if target is Target.CPU:
            return None
        chosen = compiler or Compiler()
        return cls(pipeline_cores=chosen.pipeline_cores, args=tuple(chosen.args))


class Graph(Document):
    """The manifest: what one traced bucket says of itself."""

    format_version: int
    fingerprint: Digest
    revision: str
    task: Task
    target: Target
    precision: Precision
    compiler: CompilerSettings | None = None
    bucket: Shape
    modules: tuple[Module, ...]
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    files: dict[str, Blob]
    golden: Golden
    proof: Proof | None = None
    benchmark: Benchmark | None = None
    compiled_percent: int | None = None
    parameters: int = Field(ge=0)
    versions: dict[str, str]
    created: str
    created_by: str

    def blobs(self) -> tuple[Blob, ...]:
        """Return every blob that the graph needs, each once."""
        modules = [
            blob for module in self.modules for blob in (module.graph, module.weights) if blob
        ]
        found = {blob.digest: blob for blob in (*modules, *self.files.values(), self.golden.blob)}
        return tuple(found.values())


class Limits(Document):
    """How far outputs may be from the golden ones."""

    absolute: float = Field(ge=0)
    relative: float = Field(ge=0)
    min_agreement: float = Field(ge=0, le=1)

    def verdict(self, proof: Proof) -> str | None:
        """Return None if the proof is within the limits, else the sentence that says by how much it is not."""
        for error in proof.errors:
            allowed = self.absolute + self.relative * error.max_absolute_reference
            if not error.max_absolute_error <= allowed < math.inf:
                return (
                    f"output {error.output} is off by {error.max_absolute_error:.2g}, allowed are {allowed:.2g} "
                    f"(absolute {self.absolute:g} + relative {self.relative:g} x {error.max_absolute_reference:.3g})"
                )
        if not proof.agreement >= self.min_agreement:
            return (
                f"{proof.agreement:.2%} of the golden answers are the eager model's, "
                f"wanted are {self.min_agreement:.2%}"
            )
        return None


class Index(Document):
    """The artifact: the graphs' digests and the files they share. Its own digest is the artifact's."""

    format_version: int
    task: Task
    target: Target
    precision: Precision
    revision: str
    graphs: tuple[Digest, ...]
    files: dict[str, Digest]
    limits: Limits

    @classmethod
    def of(cls, graphs: Sequence[Graph], limits: Limits) -> Index:
        """Return the index of graphs that belong together, to be judged by ``limits``."""
        first = graphs[0]
        return cls(
            format_version=FORMAT_VERSION,
            task=first.task,
            target=first.target,
            precision=first.precision,
            revision=first.revision,
            graphs=tuple(graph.identity() for graph in graphs),
            files={name: blob.digest for name, blob in first.files.items()},
            limits=limits,
        )


Scoring = Literal["softmax", "sigmoid", "identity"]
"""How logits become scores: labels exclude each other, are judged one by one, or are numbers to be told."""


class ModelCard(Document):
    """What a server must know of the model beside graphs and tokenizer; stored as ``model.json``."""

    format_version: int
    task: Task
    architecture: str
    inputs: tuple[str, ...]
    pad_token_id: int
    pad_type_id: int
    max_length: int
    labels: tuple[str, ...] = ()
    mask_token: str | None = None
    mask_token_id: int | None = None
    pooling: str | None = None
    normalized: bool = False
    embedding_size: int | None = None
    scoring: Scoring | None = None
    generation: Generation | None = None


TOKENIZER_FILE = "tokenizer.json"
TARGET_TOKENIZER_FILE = "target-tokenizer.json"
"""Where the source's pieces have no ids of their own: the ids that both languages share, and how they are decoded."""
CARD_FILE = "model.json"
