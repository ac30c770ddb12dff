"""Golden inputs: seeded texts of real tokens in every padding pattern that a server can produce."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Protocol

import numpy as np
import tokenizers

from tracedmodel_api.buckets import Bucket
from tracedmodel_api.manifest import ModelCard
from tracedmodel_api.report import Failure
from tracedmodel_api.types import Task
from tracedmodel_runtime.padding import Encoding

SEED = 20240229
_ROWS = 8
_MOST_TOKENS = 600_000
_TRIES = 6


def golden_batches(
    tokenizer: tokenizers.Tokenizer,
    card: ModelCard,
    bucket: Bucket,
    seed: int = SEED,
    words: Sequence[int] | None = None,
) -> list[list[Encoding]]:
    """Return batches for a bucket: one full of full rows, then ragged ones, some with filler rows.

    At least eight texts, and beside the full batch no more tokens than the golden file has room for. Raises Failure
    InvalidRequest for a bucket that is too short for any text. ``words`` spares finding :func:`words_of` the tokenizer.
    """
    draw = np.random.default_rng(seed)
    chosen = words_of(tokenizer) if words is None else words
    return batches_by(_Writer(tokenizer, card, draw, chosen), bucket)


class Writer(Protocol):
    """Writes texts that have a wanted number of tokens, special ones included."""

    draw: np.random.Generator
    shortest: int

    def encode(self, length: int) -> Encoding:
        """Return a text of ``length`` tokens."""
        ...


def batches_by(writer: Writer, bucket: Bucket) -> list[list[Encoding]]:
    """Return the batches of :func:`golden_batches`, written by ``writer``."""
    if bucket.sequence_length < writer.shortest:
        message = f"bucket {bucket}: the shortest text takes {writer.shortest} tokens"
        raise Failure("InvalidRequest", message)
    lengths = list(_lengths(bucket, writer))
    return [[writer.encode(length) for length in rows] for rows in lengths]


def words_of(tokenizer: tokenizers.Tokenizer) -> list[int]:
    """Return the tokens that texts are made of, all but the special ones, in order."""
    special = {token.content for token in tokenizer.get_added_tokens_decoder().values()}
    words = sorted(i for word, i in tokenizer.get_vocab().items() if word not in special)
    if not words:
        raise Failure("InvalidModelFiles", "the tokenizer has no words beside special tokens")
    return words


def _lengths(bucket: Bucket, writer: Writer) -> Iterator[list[int]]:
    """Yield the wanted lengths of each batch's rows."""
    rows, longest = bucket.batch_size, bucket.sequence_length
    yield [longest] * rows
    room, texts, number = _MOST_TOKENS - rows * longest, rows, 0
    while texts < _ROWS or number == 0:
        number += 1
        # Odd batches are short of rows, so that filler rows stand beside real ones.
        present = max(1, rows // 2) if number % 2 else rows
        ragged = writer.draw.integers(writer.shortest, longest + 1, present).tolist()
        ragged[0] = writer.shortest if number == 1 else ragged[0]
        ragged = ragged[: max(1, sum(total <= room for total in accumulate(ragged)))]
        room, texts = room - sum(ragged), texts + len(ragged)
        yield ragged


class _Writer:
    """Writes texts that have a wanted number of tokens."""

    def __init__(
        self,
        tokenizer: tokenizers.Tokenizer,
        card: ModelCard,
        draw: np.random.Generator,
        words: Sequence[int],
    ) -> None:
        self.draw = draw
        self._tokenizer = tokenizer
        self._mask_token = card.mask_token
        self._pairs = card.task is Task.QUESTION_ANSWERING
        self._words = words
        self._special_tokens = int(tokenizer.num_special_tokens_to_add(self._pairs))
        self.shortest = self._special_tokens + (2 if self._pairs else 1)

    def encode(self, length: int) -> Encoding:
        """Return a text, or a question and its context, of ``length`` tokens, special ones included."""
        room = length - self._special_tokens
        if self._pairs:
            asked = max(1, room // 4)
            found = self._tokenizer.post_process(self._text(asked), self._text(room - asked))
        else:
            found = self._tokenizer.post_process(self._masked(room))
        return Encoding(found.ids, found.type_ids)

    def _masked(self, room: int) -> tokenizers.Encoding:
        """Return a text with a mask token in it, if the task is about them."""
        if self._mask_token is None:
            return self._text(room)
        mask = self._tokenizer.encode(self._mask_token, add_special_tokens=False)
        before = (room - 1) // 4
        parts = [self._text(before), mask, self._text(room - 1 - before)]
        return tokenizers.Encoding.merge([part for part in parts if part.ids])

    def _text(self, room: int) -> tokenizers.Encoding:
        """Return a text of ``room`` tokens; words may come back as more tokens than one, or as fewer."""
        for attempt in range(_TRIES):
            chosen = self.draw.integers(0, len(self._words), room * 2**attempt).tolist()
            text = self._tokenizer.decode([self._words[place] for place in chosen])
            found = self._tokenizer.encode(text, add_special_tokens=False)
            if len(found.ids) >= room:
                break
        found.truncate(room)
        if room and not found.ids:
            raise Failure("InvalidModelFiles", "the tokenizer makes no tokens of its own words")
        return found
