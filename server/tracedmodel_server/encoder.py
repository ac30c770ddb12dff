"""From items to token encodings that some bucket holds, and the sentences for those that none does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tokenizers

from tracedmodel_runtime.padding import Encoding
from tracedmodel_server.errors import Invalid
from tracedmodel_server.request import Item, Pair, Text, Tokens
from tracedmodel_server.tasks.base import Prepared, TaskHandler

_PAIR_MARGIN = "the question and the special tokens leave no room for the context"


class Encoder:
    """Turns items into what the queue takes. Tokenizers are never changed after this, so threads may share it."""

    def __init__(
        self, tokenizer: tokenizers.Tokenizer, task: TaskHandler, limit: int, most_characters: int
    ) -> None:
        self._task = task
        self._limit = limit
        self._most_characters = most_characters
        self._whole = tokenizer
        self._cutting = tokenizers.Tokenizer.from_str(tokenizer.to_str())
        strategy = "only_second" if task.pairs else "longest_first"
        self._cutting.enable_truncation(limit, strategy=strategy)
        self.vocabulary = 1 + max(tokenizer.get_vocab(with_added_tokens=True).values())

    def prepare(self, items: Sequence[Item], *, truncate: bool) -> list[Prepared]:
        """Return the items as the queue takes them; raises Invalid, naming the item and what is wrong."""
        for number, item in enumerate(items):
            self._demand_short(number, item)
        if isinstance(items[0], Tokens):
            return [self._of_tokens(number, item) for number, item in enumerate(items)]
        found = self._tokenize([_input(item) for item in items], truncate=truncate)
        pairs = enumerate(zip(items, found, strict=True))
        return [self._of_text(number, item, one) for number, (item, one) in pairs]

    def _demand_short(self, number: int, item: Item) -> None:
        texts = {
            "text": getattr(item, "text", ""),
            "question": getattr(item, "question", ""),
            "context": getattr(item, "context", ""),
        }
        for name, text in texts.items():
            if len(text) > self._most_characters:
                message = f"{name} {number} has {len(text)} characters, allowed are {self._most_characters}"
                raise Invalid(message)

    def _tokenize(self, inputs: list[Any], *, truncate: bool) -> list[tokenizers.Encoding]:
        tokenizer = self._cutting if truncate else self._whole
        # Without offsets it is a third faster; older versions have no such call.
        fast = None if self._task.offsets else getattr(tokenizer, "encode_batch_fast", None)
        try:
            found: list[tokenizers.Encoding] = (fast or tokenizer.encode_batch)(inputs)
        except Exception as error:  # tokenizers raises nothing narrower
            if truncate and self._task.pairs:
                raise Invalid(f"{_PAIR_MARGIN}: the limit is {self._limit} tokens") from error
            raise Invalid(f"the tokenizer refuses the text: {error}") from error
        return found

    def _of_text(self, number: int, item: Item, found: tokenizers.Encoding) -> Prepared:
        count = len(found)
        if count > self._limit:
            raise Invalid(
                f"text {number} has {count} tokens, the longest bucket holds {self._limit}: "
                "shorten it, or set the parameter truncate to true"
            )
        if not count:
            raise Invalid(f"text {number} has no tokens")
        return self._checked(number, item, Encoding(found.ids, found.type_ids), found)

    def _of_tokens(self, number: int, item: Item) -> Prepared:
        """Return a row of token tensors without the padding at its end: it may fit a shorter bucket."""
        if not isinstance(item, Tokens):
            raise Invalid("a request has either text or token tensors")
        length = len(item.ids)
        while length and not item.mask[length - 1]:
            length -= 1
        if not length:
            raise Invalid(
                f"row {number} of attention_mask is all 0: at least one token must be attended to"
            )
        if length > self._limit:
            raise Invalid(
                f"row {number} has {length} tokens, the longest bucket holds {self._limit}; "
                "token tensors are not truncated"
            )
        encoding = Encoding(item.ids[:length], item.types[:length], item.mask[:length])
        return self._checked(number, item, encoding, None)

    def _checked(
        self, number: int, item: Item, encoding: Encoding, found: tokenizers.Encoding | None
    ) -> Prepared:
        try:
            return self._task.prepare(item, encoding, found)
        except Invalid as error:
            raise Invalid(f"text {number}: {error}") from error


def characters(items: Sequence[Item]) -> int:
    """Return how much text there is to tokenize."""
    total = 0
    for item in items:
        if isinstance(item, Text):
            total += len(item.text)
        elif isinstance(item, Pair):
            total += len(item.question) + len(item.context)
    return total


def _input(item: Item) -> str | tuple[str, str]:
    if isinstance(item, Pair):
        return item.question, item.context
    if isinstance(item, Text):
        return item.text
    raise Invalid("a request has either text or token tensors")
