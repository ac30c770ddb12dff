"""What is asked and answered, whatever the protocol: REST, gRPC and others translate to this and from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

DEFAULT_TOP = 5
DEFAULT_ANSWER_TOKENS = 30


@dataclass(frozen=True)
class Text:
    """One text."""

    text: str


@dataclass(frozen=True)
class Pair:
    """A question, and the context that answers it."""

    question: str
    context: str


@dataclass(frozen=True)
class Tokens:
    """One text as tokens. ``width`` is the length that the client sent, padding included."""

    ids: Sequence[int]
    mask: Sequence[int]
    types: Sequence[int]
    width: int


Item = Text | Pair | Tokens


@dataclass(frozen=True)
class Parameters:
    """What a client may ask beside its texts."""

    truncate: bool = False
    top_k: int = DEFAULT_TOP
    max_answer_length: int = DEFAULT_ANSWER_TOKENS


@dataclass(frozen=True)
class Request:
    """Texts, all of one kind, and parameters."""

    items: Sequence[Item]
    parameters: Parameters = field(default_factory=Parameters)


Answer = Mapping[str, Any]
"""One text's outputs by name: strings, numbers, arrays, or lists of them."""
