"""How the graphs of one bucket answer a batch: one run of an encoder, or a whole translation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tracedmodel_api.manifest import Graph, ModelCard, ModuleName, Proof
from tracedmodel_api.report import Failure
from tracedmodel_api.types import Task
from tracedmodel_runtime import golden, golden_translation
from tracedmodel_runtime.backend import LoadedGraph
from tracedmodel_runtime.padding import Encoding, PadIds, pad, unpad
from tracedmodel_runtime.timing import Stopwatch, Times
from tracedmodel_runtime.translator import Translator

Row = tuple[NDArray[Any], ...]
Graphs = Mapping[ModuleName, LoadedGraph]


class Runner(Protocol):
    """The graphs of one bucket."""

    def run(self, batch: Sequence[Encoding]) -> list[Row]:
        """Return each text's outputs; they may be views of the whole batch's."""
        ...

    def recording(self, data: bytes) -> Any:
        """Return what a golden file records; raises what a damaged file makes of it."""
        ...

    def prove(self, recording: Any) -> tuple[Proof, Times]:
        """Compare with the golden outputs, and return the times of a batch once the graphs are warm."""
        ...


class EncoderRunner:
    """One graph, which answers a batch in one run."""

    def __init__(self, graphs: Graphs, graph: Graph, card: ModelCard) -> None:
        self._loaded = graphs["main"]
        self._bucket, self._outputs = graph.bucket.bucket(), graph.outputs
        self._axes = tuple(spec.axes for spec in graph.outputs)
        self._names = card.inputs
        self._pads = PadIds(card.pad_token_id, card.pad_type_id)

    def run(self, batch: Sequence[Encoding]) -> list[Row]:
        """Return each text's part of the outputs."""
        return unpad(self._raw(batch), self._axes, batch)

    def recording(self, data: bytes) -> golden.Recording:
        """Return the golden batches and samples."""
        return golden.Recording.parse(data)

    def prove(self, recording: golden.Recording) -> tuple[Proof, Times]:
        """Compare; these runs warm the graph up and are timed, and as few as needed follow."""
        watch = Stopwatch()
        proof = golden.compare(
            recording, self._outputs, lambda batch: watch.run(lambda: self._raw(batch))
        )
        # A run costs the same whatever is in it: the shape is the bucket's.
        return proof, watch.times(lambda: self._raw(recording.batches[0]))

    def _raw(self, batch: Sequence[Encoding]) -> tuple[NDArray[np.float32], ...]:
        return self._loaded(pad(batch, self._bucket, self._names, self._pads))


class TranslationRunner:
    """Two graphs and a search. A text's one output is its answer's tokens, int64."""

    def __init__(self, graphs: Graphs, graph: Graph, card: ModelCard) -> None:
        bucket = graph.bucket.bucket()
        self._outputs = graph.outputs
        self._translator = Translator(graphs["encoder"], graphs["decoder"], bucket, card)

    def run(self, batch: Sequence[Encoding]) -> list[Row]:
        """Return each text's best answer."""
        found = self._translator.translate(self._translator.read(batch))
        return [(np.array(answers[0].tokens, np.int64),) for answers in found]

    def recording(self, data: bytes) -> golden_translation.TranslationRecording:
        """Return the golden texts and answers."""
        return golden_translation.TranslationRecording.parse(data)

    def prove(self, recording: golden_translation.TranslationRecording) -> tuple[Proof, Times]:
        """Compare, then time whole translations of the full golden batch: a shorter answer takes less."""
        proof = golden_translation.compare(recording, self._outputs, self._translator)
        watch = Stopwatch(profiled=0)
        return proof, watch.times(lambda: self.run(recording.batches[0]))


def runner_for(graphs: Graphs, graph: Graph, card: ModelCard) -> Runner:
    """Return the runner of loaded graphs; raises Failure ManifestInvalid if they are not those of the task."""
    kind = TranslationRunner if card.task is Task.TRANSLATION else EncoderRunner
    try:
        return kind(graphs, graph, card)
    except (KeyError, ValueError) as error:
        message = f"its modules {', '.join(graphs)} or its card do not fit task {card.task.value}"
        raise Failure("ManifestInvalid", message) from error
