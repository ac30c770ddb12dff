"""From text to ids, and back, where two languages have their own sentencepiece models and share one list of ids.

A text is cut into pieces by the source's model, a piece is looked up by its spelling. This is what Marian's own
tokenizer does, down to language codes such as ``>>de<<`` before a text, and special tokens that are spelled out.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import Any

_CODE = re.compile(r">>.*?<<", re.DOTALL)


class PieceTokenizer:
    """Both tokenizers of a model; ``target`` has the ids, its special tokens, and how answers are spelled."""

    def __init__(self, source: Any, target: Any, end: int) -> None:
        self._source = source
        self._target = target
        self._end = end
        self._unknown: int = target.token_to_id(target.model.unk_token)
        special = (token.content for token in target.get_added_tokens_decoder().values())
        self._special = {word: target.token_to_id(word) for word in special}
        words = sorted(map(re.escape, self._special), key=len, reverse=True)
        self._apart = re.compile(f"({'|'.join(words)})")

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of each text, the end token last."""
        parts = [self._parts(text) for text in texts]
        plain = [part for own in parts for part in own if isinstance(part, str)]
        found = iter(self._source.encode_batch(plain, add_special_tokens=False))
        return [
            [
                *itertools.chain.from_iterable(
                    [part] if isinstance(part, int) else map(self.id_of, next(found).tokens)
                    for part in own
                ),
                self._end,
            ]
            for own in parts
        ]

    def id_of(self, piece: str) -> int:
        """Return the id of a piece, which is that of the unknown token for most that only one language has."""
        known: int | None = self._target.token_to_id(piece)
        return self._unknown if known is None else known

    def _parts(self, text: str) -> list[str | int]:
        """Return special tokens and language codes as ids, and the text between them."""
        parts: list[str | int] = []
        for part in filter(None, self._apart.split(text)):
            if part in self._special:
                parts.append(self._special[part])
                continue
            code = _CODE.match(part)
            if code is not None:
                parts.append(self.id_of(code.group()))
            parts.append(part[code.end() :] if code else part)
        return parts
