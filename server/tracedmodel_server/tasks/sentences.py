"""Tasks that answer for a text as a whole: FeatureExtraction and TextClassification."""

from __future__ import annotations

from typing import Any

import numpy as np
import tokenizers
from numpy.typing import NDArray

from tracedmodel_api.manifest import ModelCard
from tracedmodel_server.request import Answer, Parameters
from tracedmodel_server.runners import Row
from tracedmodel_server.tasks.base import Handler, Prepared, Tensor, sigmoid, softmax


def _as_they_are(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    return logits.astype(np.float64)


_SCORINGS = {"softmax": softmax, "sigmoid": sigmoid, "identity": _as_they_are}


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
    """The likeliest label and its score, and the score of every label."""

    def __init__(self, card: ModelCard, tokenizer: tokenizers.Tokenizer) -> None:
        super().__init__(card, tokenizer)
        count = len(card.labels)
        self.outputs = (
            Tensor("label", "BYTES", (-1,)),
            Tensor("score", "FP32", (-1,)),
            Tensor("scores", "FP32", (-1, count)),
            Tensor("logits", "FP32", (-1, count), raw=True),
        )
        self._scored = _SCORINGS[card.scoring or "softmax"]

    def answer(self, _prepared: Prepared, row: Row, _parameters: Parameters) -> Answer:
        """Return label, score, the scores of all labels in their order, and the logits."""
        scores = self._scored(row[0])
        best = int(scores.argmax())
        return {
            "label": self.card.labels[best],
            "score": float(scores[best]),
            "scores": scores,
            "logits": row[0],
        }

    def prediction(self, answer: Answer) -> Any:
        """Return label and score, and every label's score by its name."""
        scores = zip(self.card.labels, answer["scores"].tolist(), strict=True)
        return {"label": answer["label"], "score": answer["score"], "scores": dict(scores)}
