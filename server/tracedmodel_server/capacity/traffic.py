"""What is asked: how often, and how long the texts are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from tracedmodel_api.manifests import InvalidManifest, read_documents
from tracedmodel_api.report import Failure

_HOURS = 24
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]
Share = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]
Request = tuple[float, tuple[int, ...]]
"""When it comes, in seconds, and the tokens of its texts."""


class _Part(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)


class Length(_Part):
    """Texts of one length, and how many there are of them beside the others."""

    tokens: int = Field(ge=1, le=100_000, strict=True)
    weight: Share


class Traffic(_Part):
    """The rate of requests, or one for each hour of the day, and a histogram of the texts' tokens."""

    requests_per_second: Rate | None = None
    requests_per_second_by_hour: list[Share] | None = Field(
        default=None, min_length=_HOURS, max_length=_HOURS
    )
    texts_per_request: int = Field(default=1, ge=1, le=1024, strict=True)
    lengths: list[Length] = Field(min_length=1)

    @model_validator(mode="after")
    def _makes_sense(self) -> Traffic:
        if (self.requests_per_second is None) == (self.requests_per_second_by_hour is None):
            raise _wrong("give either requestsPerSecond or requestsPerSecondByHour")
        if not self.peak_rate:
            raise _wrong("requestsPerSecondByHour has no request: give one hour a rate above 0")
        if len({one.tokens for one in self.lengths}) < len(self.lengths):
            raise _wrong("lengths has the same tokens twice: add their weights up")
        if not any(one.weight for one in self.lengths):
            raise _wrong("lengths has no weight above 0: say how many texts have each length")
        return self

    @property
    def rates(self) -> list[float]:
        """Return the requests a second of each hour, or the one rate of all."""
        return self.requests_per_second_by_hour or [self.requests_per_second or 0.0]

    @property
    def peak_rate(self) -> float:
        """Return the requests a second of the busiest hour."""
        return max(self.rates)

    @property
    def mean_rate(self) -> float:
        """Return the requests a second of the whole day."""
        return sum(self.rates) / len(self.rates)

    def shares(self) -> dict[int, float]:
        """Return the share of texts by tokens, shortest first; lengths that never come are left out."""
        total = sum(one.weight for one in self.lengths)
        by_length = sorted((one.tokens, one.weight / total) for one in self.lengths)
        return {tokens: share for tokens, share in by_length if share}

    def requests(self, count: int, seed: int, times: float = 1.0) -> Iterator[Request]:
        """Return the first requests of a Poisson process at ``times`` the busiest hour's rate."""
        random = np.random.default_rng(seed)
        shares = self.shares()
        moments = random.exponential(1 / (times * self.peak_rate), count).cumsum().tolist()
        shape = (count, self.texts_per_request)
        lengths = random.choice(list(shares), shape, p=list(shares.values())).tolist()
        return ((time, tuple(tokens)) for time, tokens in zip(moments, lengths, strict=True))


def _wrong(sentence: str) -> PydanticCustomError:
    return PydanticCustomError("traffic", "{sentence}", {"sentence": sentence})


def read_traffic(path: Path) -> Traffic:
    """Return the traffic in a YAML or JSON file; raises Failure InvalidRequest with what is wrong with it."""
    documents = _documents(path)
    if len(documents) != 1:
        raise Failure("InvalidRequest", f"{path}: has {len(documents)} documents; write one")
    try:
        return Traffic.model_validate(documents[0])
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in detail["loc"]) or "traffic"
        given = "" if detail["type"] in ("traffic", "missing") else _given(detail["input"])
        message = f"{path}: {place}: {detail['msg']}{given} (docs/capacity.md has the format)"
        raise Failure("InvalidRequest", message) from None


def _documents(path: Path) -> list[Any]:
    try:
        return list(read_documents(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise Failure("InvalidRequest", f"{path}: cannot be read: {error}") from None
    except InvalidManifest as error:
        raise Failure("InvalidRequest", f"{path}: {error}") from None


def _given(value: Any) -> str:
    return f", given is {str(value)[:80]!r}"
