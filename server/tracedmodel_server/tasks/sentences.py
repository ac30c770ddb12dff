"""Tasks that answer for a text as a whole: FeatureExtraction and TextClassification."""

from __future__ import annotations

from typing import Any

import tokenizers

from tracedmodel_api.manifest import ModelCard
from tracedmodel_server.model import Row
from tracedmodel_server.request import Answer, Parameters
from tracedmodel_server.tasks.base import Handler, Prepared, Tensor, sigmoid, softmax


class FeatureExtraction(Handler):
    """The embedding of a text, pooled and scaled by the graph as the model's own files say."""

    def __init__(self, card: ModelCard, tokenizer: tokenizers.Tokenizer) -> None:
        super().__init__(card, tokenizer)
        self.outputs = (Tensor("embedding", "FP32", (-1, card.embedding_size or -1)),)

    def answer(self, _prepared: Prepared, row: Row, _parameters: Parameters) -> Answer:
        """Return the embedding."""
        return {"embedding": row[0]}

    def prediction(self, answer: Answer) -> Any:
        """Return the embedding as a list of numbers."""
        return answer["embedding"]


class TextClassification(Handler):
    """The likeliest label and its probability; a single label is judged by itself."""

    def __init__(self, card: ModelCard, tokenizer: tokenizers.Tokenizer) -> None:
        super().__init__(card, tokenizer)
        self.outputs = (
            Tensor("label", "BYTES", (-1,)),
            Tensor("score", "FP32", (-1,)),
            Tensor("logits", "FP32", (-1, len(card.labels))),
        )

    def answer(self, _prepared: Prepared, row: Row, _parameters: Parameters) -> Answer:
        """Return label, score and all logits."""
        logits = row[0]
        scores = sigmoid(logits) if len(logits) == 1 else softmax(logits)
        best = int(scores.argmax())
        return {"label": self.card.labels[best], "score": float(scores[best]), "logits": logits}
