"""TokenClassification: tokens' labels grouped into entities, as transformers' pipelines do with strategy "simple"."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tokenizers

from tracedmodel_api.manifest import ModelCard
from tracedmodel_server.request import Answer, Parameters, Text
from tracedmodel_server.runners import Row
from tracedmodel_server.tasks.base import Handler, Prepared, Tensor, softmax

_OUTSIDE = "O"


@dataclass
class _Group:
    """Tokens in a row that carry one tag."""

    tag: str
    start: int
    end: int
    scores: list[float] = field(default_factory=list)


class TokenClassification(Handler):
    """The entities in a text: tag, score, the words as they stand there, and where they stand."""

    offsets = True

    def __init__(self, card: ModelCard, tokenizer: tokenizers.Tokenizer) -> None:
        super().__init__(card, tokenizer)
        self.outputs = (
            Tensor("entities", "BYTES", (-1,), of_text=True),
            Tensor("logits", "FP32", (-1, -1, len(card.labels)), raw=True),
        )

    def answer(self, prepared: Prepared, row: Row, _parameters: Parameters) -> Answer:
        """Return the entities, and the logits of every token."""
        logits = row[0]
        if not isinstance(prepared.item, Text) or prepared.found is None:
            return {"logits": logits}
        text = prepared.item.text
        groups = _groups(self.card.labels, prepared.found, softmax(logits))
        entities = [_entity(group, text) for group in groups if group.tag != _OUTSIDE]
        return {"entities": entities, "logits": logits}

    def prediction(self, answer: Answer) -> Any:
        """Return the list of entities."""
        return answer["entities"]


def _entity(group: _Group, text: str) -> dict[str, Any]:
    return {
        "entity_group": group.tag,
        "score": float(np.mean(group.scores)),
        "word": text[group.start : group.end],
        "start": group.start,
        "end": group.end,
    }


def _groups(labels: tuple[str, ...], found: tokenizers.Encoding, scores: Any) -> Iterator[_Group]:
    """Yield groups of tokens: a tag goes on until another comes, or the same begins anew with ``B-``."""
    open_group: _Group | None = None
    best = scores.argmax(axis=1).tolist()
    for place, (start, end) in enumerate(found.offsets):
        if found.special_tokens_mask[place]:
            continue
        begins, tag = _tag(labels[best[place]])
        score = float(scores[place, best[place]])
        if open_group is not None and tag == open_group.tag and not begins:
            open_group.end = end
            open_group.scores.append(score)
            continue
        if open_group is not None:
            yield open_group
        open_group = _Group(tag, start, end, [score])
    if open_group is not None:
        yield open_group


def _tag(label: str) -> tuple[bool, str]:
    """Return whether a label begins an entity, and its tag; labels without prefix continue one."""
    if label.startswith(("B-", "I-")):
        return label.startswith("B-"), label[2:]
    return False, label
