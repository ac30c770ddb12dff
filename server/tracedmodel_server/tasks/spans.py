"""QuestionAnswering: the span of the context that answers best."""

from __future__ import annotations

import numpy as np
import tokenizers
from numpy.typing import NDArray

from tracedmodel_api.manifest import ModelCard
from tracedmodel_runtime.padding import Encoding
from tracedmodel_server.errors import Invalid
from tracedmodel_server.request import Answer, Item, Pair, Parameters
from tracedmodel_server.runners import Row
from tracedmodel_server.tasks.base import Handler, Prepared, Tensor, softmax

_CONTEXT = 1


class QuestionAnswering(Handler):
    """The answer as it stands in the context, its score and place."""

    pairs = True
    offsets = True

    def __init__(self, card: ModelCard, tokenizer: tokenizers.Tokenizer) -> None:
        super().__init__(card, tokenizer)
        self.outputs = (
            Tensor("answer", "BYTES", (-1,), of_text=True),
            Tensor("score", "FP32", (-1,), of_text=True),
            Tensor("start", "INT64", (-1,), of_text=True),
            Tensor("end", "INT64", (-1,), of_text=True),
            Tensor("start_logits", "FP32", (-1, -1), raw=True),
            Tensor("end_logits", "FP32", (-1, -1), raw=True),
        )

    def prepare(
        self, item: Item, encoding: Encoding, found: tokenizers.Encoding | None
    ) -> Prepared:
        """Return the pair; raises Invalid where the context leaves no token to answer with."""
        if found is not None and _CONTEXT not in found.sequence_ids:
            raise Invalid("context has no tokens to find an answer in, or truncation left none")
        return Prepared(item, encoding, found)

    def answer(self, prepared: Prepared, row: Row, parameters: Parameters) -> Answer:
        """Return the best span, and the logits of every token."""
        raw = {"start_logits": row[0], "end_logits": row[1]}
        if not isinstance(prepared.item, Pair) or prepared.found is None:
            return raw
        inside = np.array([owner == _CONTEXT for owner in prepared.found.sequence_ids])
        first, last, score = best_span(row[0], row[1], inside, parameters.max_answer_length)
        start, end = prepared.found.offsets[first][0], prepared.found.offsets[last][1]
        answer = prepared.item.context[start:end]
        return {"answer": answer, "score": score, "start": start, "end": end, **raw}


def best_span(
    start_logits: NDArray[np.float32],
    end_logits: NDArray[np.float32],
    inside: NDArray[np.bool_],
    most_tokens: int,
) -> tuple[int, int, float]:
    """Return first token, last token and score of the likeliest span of at most ``most_tokens`` inside the context.

    As in transformers' pipelines the first token, where models put "no answer", has its share of the probability.
    """
    judged = inside.copy()
    judged[0] = True
    start, end = (
        np.where(inside, softmax(np.where(judged, logits, np.float32(-1e4))), 0.0)
        for logits in (start_logits, end_logits)
    )
    best = (-1.0, 0, 0)
    for further in range(min(most_tokens, len(start))):
        scores = start[: len(start) - further] * end[further:]
        place = int(scores.argmax())
        if scores[place] > best[0]:
            best = (float(scores[place]), place, place + further)
    return best[1], best[2], best[0]
