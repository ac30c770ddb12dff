"""How translations are searched for."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tracedmodel_api.document import Document

Attainable = Literal["running", "candidates"]
"""By which beams a search judges whether going on can pay: those that go on, or, in transformers below 4.50, all."""


class Generation(Document):
    """How a model's answers are searched for: what its generation config says, and transformers makes of it."""

    start_token_id: int
    eos_token_ids: tuple[int, ...] = Field(min_length=1)
    pad_token_id: int
    banned_token_ids: tuple[int, ...] = ()
    forced_first_token_id: int | None = None
    forced_last_token_ids: tuple[int, ...] = ()
    """Tokens of which the last place of an answer has one, if the answer is that long."""
    length_penalty: float = 1.0
    early_stopping: bool | Literal["never"] = False
    renormalized: bool = False
    """Whether probabilities are made to sum to 1 once more after tokens were banned."""
    attainable: Attainable = "running"
