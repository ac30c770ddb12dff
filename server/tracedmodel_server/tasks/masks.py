"""FillMask: the tokens that fit best in place of the one that is masked."""

from __future__ import annotations

from typing import Any

import numpy as np
import tokenizers

from tracedmodel_api.manifest import ModelCard
from tracedmodel_runtime.padding import Encoding
from tracedmodel_server.errors import Invalid
from tracedmodel_server.request import Answer, Item, Parameters
from tracedmodel_server.runners import Row
from tracedmodel_server.tasks.base import Handler, Prepared, Tensor, softmax

_COLUMNS = ("token", "token_str", "score", "sequence")


class FillMask(Handler):
    """The likeliest tokens: id, string, score, and the text with each in place."""

    def __init__(self, card: ModelCard, tokenizer: tokenizers.Tokenizer) -> None:
        super().__init__(card, tokenizer)
        self.outputs = (
            Tensor("token", "INT64", (-1, -1)),
            Tensor("token_str", "BYTES", (-1, -1)),
            Tensor("score", "FP32", (-1, -1)),
            Tensor("sequence", "BYTES", (-1, -1)),
            Tensor("logits", "FP32", (-1, -1), raw=True),
        )

    def prepare(
        self, item: Item, encoding: Encoding, found: tokenizers.Encoding | None
    ) -> Prepared:
        """Return the text with the place of its mask token; raises Invalid unless there is exactly one."""
        places = [
            place for place, token in enumerate(encoding.ids) if token == self.card.mask_token_id
        ]
        if len(places) != 1:
            raise Invalid(
                f"it has {len(places)} mask tokens, but exactly one {self.card.mask_token} is filled"
            )
        return Prepared(item, encoding, found, places[0])

    def reduce(self, prepared: Prepared, row: Row) -> Row:
        """Return the logits of the mask token: those of all tokens are a vocabulary for each."""
        return (row[0][prepared.position].copy(),)

    def answer(self, prepared: Prepared, row: Row, parameters: Parameters) -> Answer:
        """Return the ``top_k`` likeliest tokens, best first."""
        logits = row[0]
        count = min(parameters.top_k, len(logits))
        places = np.argpartition(-logits, count - 1)[:count]
        places = places[np.argsort(-logits[places], kind="stable")]
        tokens = places.tolist()
        return {
            "token": tokens,
            "token_str": [self.tokenizer.decode([token]) for token in tokens],
            "score": softmax(logits)[places].tolist(),
            "sequence": [self._filled(prepared, token) for token in tokens],
            "logits": logits,
        }

    def prediction(self, answer: Answer) -> Any:
        """Return a list of objects, one a token."""
        rows = zip(*(answer[name] for name in _COLUMNS), strict=True)
        return [dict(zip(_COLUMNS, row, strict=True)) for row in rows]

    def _filled(self, prepared: Prepared, token: int) -> str:
        ids = list(prepared.encoding.ids)
        ids[prepared.position] = token
        return str(self.tokenizer.decode(ids, skip_special_tokens=True))
