"""From an index to all that a server needs: every byte checked by its digest before anything reads it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from tokenizers import Tokenizer

from tracedmodel_api.buckets import Bucket
from tracedmodel_api.canonical import sha256_hex
from tracedmodel_api.cores import Layout, TooLarge, lay_out
from tracedmodel_api.manifest import (
    CARD_FILE,
    FORMAT_VERSION,
    TARGET_TOKENIZER_FILE,
    TOKENIZER_FILE,
    Blob,
    Graph,
    Index,
    ModelCard,
)
from tracedmodel_api.report import Failure
from tracedmodel_api.store import Store, blob_of
from tracedmodel_runtime.options import CompilerOptions

_FETCHES = 4
"""Blobs that are fetched side by side."""


@dataclass(frozen=True)
class Artifact:
    """Index, graphs, card and tokenizers, and the folder that holds each blob under its digest."""

    digest: str
    index: Index
    graphs: Mapping[Bucket, Graph]
    card: ModelCard
    tokenizer: Tokenizer
    target: Tokenizer | None
    """What has the ids and spells the answers where the tokenizer only cuts texts."""
    folder: Path

    def path(self, blob: Blob) -> Path:
        """Return the file of a blob."""
        return self.folder / blob.digest

    def compiler_options(self) -> CompilerOptions | None:
        """Return how the graphs were compiled, where their target has a compiler."""
        settings = next(iter(self.graphs.values())).compiler
        return CompilerOptions(settings) if settings else None

    def layout(self, workers: int, cores: int) -> Layout:
        """Return which worker holds which graphs: all on CPUs, and on ``cores`` NeuronCores what fits.

        Raises Failure DeviceMemoryFull.
        """
        options, buckets = self.compiler_options(), list(self.graphs)
        if options is None:
            return Layout.everywhere(buckets, workers)
        parameters = max(graph.parameters for graph in self.graphs.values())
        try:
            return lay_out(buckets, parameters, cores, options.settings.pipeline_cores)
        except TooLarge as error:
            raise Failure("DeviceMemoryFull", str(error)) from None

    def weights(self) -> dict[str, Path]:
        """Return the weights files by digest: one, however many graphs there are."""
        modules = (module for graph in self.graphs.values() for module in graph.modules)
        return {m.weights.digest: self.path(m.weights) for m in modules if m.weights}


def read_index(path: Path, digest: str | None) -> bytes:
    """Return the bytes of the index; raises Failure ManifestInvalid if ``digest`` is given and is not theirs."""
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise Failure("InvalidRequest", f"the index {path} cannot be read: {reason}") from None
    found = sha256_hex(data)
    if digest is not None and found != digest:
        raise Failure("ManifestInvalid", f"the index {path} has digest {found}, wanted is {digest}")
    return data


def open_artifact(data: bytes, store: Store, folder: Path) -> Artifact:
    """Fetch what the index in ``data`` names into ``folder`` and return the artifact.

    Raises Failure BlobMissing, BlobCorrupt, StoreUnreachable, ManifestInvalid, FormatUnsupported or LoadFailed.
    """
    index = store.index(data)
    folder.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(_FETCHES, "fetch") as pool:
        manifests = list(pool.map(store.graph_by_digest, index.graphs))
        graphs = _by_bucket(manifests)
        for graph in manifests:
            _demand_agreement(graph, index, manifests[0])
        blobs = {blob.digest: blob for graph in manifests for blob in graph.blobs()}
        # The largest first: the others come meanwhile.
        ordered = sorted(blobs.values(), key=lambda blob: -blob.size)
        list(pool.map(lambda blob: _fetch(store, blob, folder), ordered))
    card = _card(folder / _file(index, CARD_FILE), index)
    tokenizer = _tokenizer(folder, index, TOKENIZER_FILE)
    target = None
    if TARGET_TOKENIZER_FILE in index.files:
        target = _tokenizer(folder, index, TARGET_TOKENIZER_FILE)
    return Artifact(sha256_hex(data), index, graphs, card, tokenizer, target, folder)


def _by_bucket(manifests: Iterable[Graph]) -> dict[Bucket, Graph]:
    graphs: dict[Bucket, Graph] = {}
    for graph in manifests:
        bucket = graph.bucket.bucket()
        if bucket in graphs:
            raise Failure("ManifestInvalid", f"the index names two graphs of bucket {bucket}")
        graphs[bucket] = graph
    if not graphs:
        raise Failure("ManifestInvalid", "the index names no graph")
    return dict(sorted(graphs.items()))


def _demand_agreement(graph: Graph, index: Index, first: Graph) -> None:
    """Refuse a graph that is not of the index's model, or not like the others."""
    files = {name: blob.digest for name, blob in graph.files.items()}
    pairs = {
        "task": (graph.task.value, index.task.value),
        "target": (graph.target.value, index.target.value),
        "precision": (graph.precision.value, index.precision.value),
        "compiler": (graph.compiler, first.compiler),
        "revision": (graph.revision, index.revision),
        "files": (files, dict(index.files)),
        "inputs": (_names(graph.inputs), _names(first.inputs)),
        "outputs": (_names(graph.outputs), _names(first.outputs)),
        "weights": (_weights(graph), _weights(first)),
    }
    for what, (found, wanted) in pairs.items():
        if found != wanted:
            bucket = graph.bucket.bucket()
            message = f"graph {bucket} has {what} {found}, the artifact has {wanted}"
            raise Failure("ManifestInvalid", message)


def _names(specs: Iterable[object]) -> list[str]:
    return [str(getattr(spec, "name", "")) for spec in specs]


def _weights(graph: Graph) -> list[str | None]:
    return [module.weights.digest if module.weights else None for module in graph.modules]


def _fetch(store: Store, blob: Blob, folder: Path) -> None:
    """Copy a blob into the folder; a file that is there from an earlier start is trusted no more than the store."""
    path = folder / blob.digest
    if path.exists() and blob_of(path).digest != blob.digest:
        path.unlink()
    store.fetch(blob, folder)


def _file(index: Index, name: str) -> str:
    if name not in index.files:
        raise Failure("ManifestInvalid", f"the index names no {name}")
    return index.files[name]


def _card(path: Path, index: Index) -> ModelCard:
    try:
        card = ModelCard.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Failure(
            "ManifestInvalid", f"{CARD_FILE} is damaged at {place}: {first['msg']}"
        ) from None
    if card.format_version != FORMAT_VERSION:
        message = (
            f"{CARD_FILE} has format {card.format_version}; this version reads {FORMAT_VERSION}"
        )
        raise Failure("FormatUnsupported", message)
    if card.task is not index.task:
        message = f"{CARD_FILE} is of task {card.task.value}, the artifact of {index.task.value}"
        raise Failure("ManifestInvalid", message)
    return card


def _tokenizer(folder: Path, index: Index, name: str) -> Tokenizer:
    try:
        tokenizer = Tokenizer.from_file(str(folder / _file(index, name)))
    except Failure:
        raise
    except Exception as error:  # tokenizers raises nothing narrower
        raise Failure("LoadFailed", f"{name} cannot be loaded: {error}") from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer
