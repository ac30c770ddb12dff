"""Translation: the answer that the search found, spelled by the target language's tokenizer."""

from __future__ import annotations

from typing import Any

import tokenizers

from tracedmodel_api.manifest import ModelCard
from tracedmodel_server.request import Answer, Parameters
from tracedmodel_server.runners import Row
from tracedmodel_server.tasks.base import Handler, Prepared, Tensor


class Translation(Handler):
    """The text in the other language, and its tokens for those who ask."""

    def __init__(self, card: ModelCard, tokenizer: tokenizers.Tokenizer) -> None:
        super().__init__(card, tokenizer)
        self.outputs = (
            Tensor("translation", "BYTES", (-1,)),
            Tensor("output_ids", "INT64", (-1, -1), raw=True, fill=card.pad_token_id),
        )

    def answer(self, _prepared: Prepared, row: Row, _parameters: Parameters) -> Answer:
        """Return the translation, and its tokens up to the end token."""
        ids = row[0].tolist()
        return {"translation": self.tokenizer.decode(ids), "output_ids": ids}

    def prediction(self, answer: Answer) -> Any:
        """Return the translation."""
        return answer["translation"]
