"""Texts of a language whose pieces have no ids of their own: read as Marian reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tracedmodel_runtime.pieces import PieceTokenizer
from tracedmodel_server.artifact import Artifact
from tracedmodel_server.encoder import Encoder
from tracedmodel_server.errors import Invalid
from tracedmodel_server.tasks.base import TaskHandler


@dataclass(frozen=True)
class _Found:
    """One text's ids, as the tokenizers library would tell them."""

    ids: Sequence[int]
    type_ids: Sequence[int] = ()

    def __len__(self) -> int:
        return len(self.ids)


class PieceEncoder(Encoder):
    """Turns items into what the queue takes; ``target`` has the ids."""

    def __init__(
        self, artifact: Artifact, task: TaskHandler, limit: int, most_characters: int
    ) -> None:
        super().__init__(artifact.tokenizer, task, limit, most_characters)
        rules, target = artifact.card.generation, artifact.target
        if rules is None or target is None:
            raise ValueError("the artifact is not for translation")
        self._end = rules.eos_token_ids[0]
        self._pieces = PieceTokenizer(artifact.tokenizer, target, self._end)
        self.vocabulary = 1 + max(target.get_vocab(with_added_tokens=True).values())

    def _tokenize(self, inputs: list[Any], *, truncate: bool) -> list[Any]:
        try:
            found = self._pieces.encode(inputs)
        except Exception as error:  # tokenizers raises nothing narrower
            raise Invalid(f"the tokenizer refuses the text: {error}") from error
        if truncate:
            most = self._limit - 1
            found = [ids if len(ids) <= self._limit else [*ids[:most], self._end] for ids in found]
        return [_Found(ids) for ids in found]
