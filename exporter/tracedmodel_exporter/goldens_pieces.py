"""Golden texts of a source language whose pieces have no ids of their own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tracedmodel_api.report import Failure
from tracedmodel_runtime.padding import Encoding
from tracedmodel_runtime.pieces import PieceTokenizer

_SPACE = "▁"
_TRIES = 6


class PieceWriter:
    """Writes texts of ``words``, pieces that the model knows."""

    shortest = 2

    def __init__(
        self, tokenizer: PieceTokenizer, words: Sequence[str], draw: np.random.Generator
    ) -> None:
        self.draw = draw
        self._tokenizer = tokenizer
        self._words = words

    def encode(self, length: int) -> Encoding:
        """Return a text of ``length`` tokens, the end token last; pieces may come back as others."""
        room = length - 1
        for attempt in range(_TRIES):
            chosen = self.draw.integers(0, len(self._words), room * 2**attempt).tolist()
            text = "".join(self._words[place] for place in chosen).replace(_SPACE, " ")
            *ids, end = self._tokenizer.encode([text])[0]
            if len(ids) >= room:
                break
        if not ids:
            raise Failure("InvalidModelFiles", "the tokenizer makes no tokens of its own pieces")
        return Encoding([*ids[:room], end])
