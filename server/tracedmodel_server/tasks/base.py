"""What all tasks share: the tensors they name, the texts they prepare, and a little arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import tokenizers
from numpy.typing import NDArray

from tracedmodel_api.manifest import ModelCard
from tracedmodel_runtime.padding import Encoding
from tracedmodel_server.request import Answer, Item, Parameters
from tracedmodel_server.runners import Row

Datatype = Literal["BYTES", "FP32", "INT64"]
TEXT = "text"
QUESTION, CONTEXT = "question", "context"
TOKEN_IDS, TOKEN_MASK, TOKEN_TYPES = (
    "input_ids",
    "attention_mask",
    "token_type_ids",
)  # names of tensors


@dataclass(frozen=True)
class Tensor:
    """A tensor that a model takes or gives; -1 stands for a size that the request decides.

    ``raw`` outputs are given only where asked for; ``of_text`` outputs need text, not tokens alone. Rows of raw
    outputs that differ in length are made equal with ``fill``.
    """

    name: str
    datatype: Datatype
    shape: tuple[int, ...]
    raw: bool = False
    of_text: bool = False
    fill: int = 0


@dataclass(frozen=True)
class Prepared:
    """One text that is ready for the queue. ``found`` is the tokenizer's whole answer, None for token tensors."""

    item: Item
    encoding: Encoding
    found: tokenizers.Encoding | None
    position: int = 0
    """Where the mask token stands, for FillMask."""


class TaskHandler(Protocol):
    """One task. ``reduce`` runs in the worker's thread, everything else in the event loop's."""

    pairs: bool
    """Whether an item is a question and a context."""
    offsets: bool
    """Whether answers need to know where in the text a token stands."""
    outputs: tuple[Tensor, ...]

    def prepare(
        self, item: Item, encoding: Encoding, found: tokenizers.Encoding | None
    ) -> Prepared:
        """Return the text for the queue; raises Invalid where the task cannot answer it."""
        ...

    def reduce(self, prepared: Prepared, row: Row) -> Row:
        """Return what of the raw outputs the answer needs, as arrays of their own."""
        ...

    def answer(self, prepared: Prepared, row: Row, parameters: Parameters) -> Answer:
        """Return the outputs of one text by name."""
        ...

    def prediction(self, answer: Answer) -> Any:
        """Return the answer as one JSON value for people."""
        ...


class Handler:
    """The defaults of a task: single texts, offsets not needed, rows copied whole."""

    pairs = False
    offsets = False
    outputs: tuple[Tensor, ...] = ()

    def __init__(self, card: ModelCard, tokenizer: tokenizers.Tokenizer) -> None:
        self.card = card
        self.tokenizer = tokenizer

    def prepare(
        self, item: Item, encoding: Encoding, found: tokenizers.Encoding | None
    ) -> Prepared:
        """Return the text as it is."""
        return Prepared(item, encoding, found)

    def reduce(self, _prepared: Prepared, row: Row) -> Row:
        """Return copies: a view would keep the whole batch's output alive."""
        return tuple(part.copy() for part in row)

    def prediction(self, answer: Answer) -> Any:
        """Return the outputs that are not raw, as an object."""
        return {t.name: answer[t.name] for t in self.outputs if not t.raw}


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return probabilities along the last axis."""
    wide = logits.astype(np.float64)
    shifted = np.exp(wide - wide.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))


def sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the probability of each by itself."""
    return np.asarray(1.0 / (1.0 + np.exp(-logits.astype(np.float64))))
