"""Everything that an admin or the operator decides of a server, from the environment and the command line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from tracedmodel_api.report import Failure
from tracedmodel_server.options import FLAGS
from tracedmodel_server.processors import available

PREFIX = "TRACEDMODEL_"
_SUBJECT = re.compile(r"^(Input|String|Value) ")


class Settings(BaseSettings):
    """The settings; each is the environment variable of its name in capitals after ``TRACEDMODEL_``."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        frozen=True,
        extra="ignore",
        protected_namespaces=(),
    )

    model_name: str = Field(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9]([-A-Za-z0-9._]*)$")
    store_url: str = Field(min_length=1)
    index_file: Path
    artifact_digest: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    """Digest that the index must have."""
    host: str = "0.0.0.0"  # noqa: S104  # a pod serves on its own address
    port: int = Field(default=8080, ge=0, le=65535)
    workers: int = Field(default=1, ge=1, le=64)
    """Batches that run side by side on CPUs."""
    neuron_cores: int = Field(default=1, ge=1, le=64)
    """NeuronCores on Inf1: each, or each pipeline of them, is a worker."""
    threads: int | None = Field(default=None, ge=1, le=1024)
    """Threads of each worker; the default shares the available CPUs out."""
    max_delay_milliseconds: float = Field(default=2, ge=0, le=10_000)
    max_queued_requests: int = Field(default=1024, ge=1, le=1_000_000)
    """Texts that may wait: a request of many texts takes as many permits."""
    max_body_bytes: int = Field(default=16 * 2**20, ge=1024)
    max_bodies_bytes: int = Field(default=64 * 2**20, ge=1024)
    """Bytes that the bodies of all requests may take together, until they are answered."""
    max_texts_per_request: int = Field(default=1024, ge=1)
    max_text_characters: int = Field(default=100_000, ge=1)
    client_seconds: float = Field(default=60, gt=0, le=3600)
    """How long a client may take to send a request's headers, then its body, and to go on reading its answer."""
    idle_seconds: int = Field(default=75, ge=1, le=3600)
    """How long a connection may be open without a request."""
    batch_seconds: float = Field(default=120, gt=0, le=3600)
    """How long a batch may run before the server calls itself stuck: unready, not live, and 503 for all who wait."""
    drain_seconds: float = Field(default=5, ge=0, le=3600)
    """How long to go on accepting after SIGTERM, while readiness is already gone."""
    grace_seconds: float = Field(default=25, ge=0, le=3600)
    """How long to finish what was accepted, after that."""
    cache_folder: Path | None = None
    """Where blobs are kept between starts; without it a temporary folder."""
    log_format: Literal["json", "text"] = "text"
    access_log: bool = False

    def threads_of_each(self, workers: int) -> int:
        """Return the threads of each worker."""
        return self.threads or max(1, available() // workers)

    def most_bodies_bytes(self) -> int:
        """Return the bytes of all bodies together: never less than one body may have."""
        return max(self.max_bodies_bytes, self.max_body_bytes)

    def most_texts(self) -> int:
        """Return how many texts one request may have: never more than the queue can hold."""
        return min(self.max_texts_per_request, self.max_queued_requests)


def read_settings(**overrides: Any) -> Settings:
    """Return the settings of the environment; what is given here and is not None goes before.

    Raises Failure InvalidRequest with a sentence that names the variable, and the option if there is one.
    """
    chosen = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**chosen)
    except ValidationError as error:
        raise Failure("InvalidRequest", _sentence(error.errors(include_url=False)[0])) from None


def _sentence(error: ErrorDetails) -> str:
    name = str(error["loc"][0])
    variable = f"${PREFIX}{name.upper()}"
    where = f"{FLAGS[name]} ({variable})" if name in FLAGS else variable
    if error["type"] == "missing":
        return f"{where} must be set"
    # pydantic says "Input should be a valid integer, unable to parse string as an integer".
    wanted = _SUBJECT.sub("", error["msg"].partition(", unable")[0])
    return f"{where} {wanted}, given is {str(error['input'])[:100]!r}"
