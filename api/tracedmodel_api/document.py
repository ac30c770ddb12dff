"""What all stored documents are: frozen, closed, and the same bytes wherever they are written."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from tracedmodel_api.canonical import canonical_json, sha256_hex


class Document(BaseModel):
    """A part of a stored document: camelCase outside, frozen, closed."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True
    )

    def as_json(self) -> dict[str, Any]:
        """Return the document as JSON data, without what is not set."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def to_bytes(self) -> bytes:
        """Return the document as it is stored and digested."""
        return canonical_json(self.as_json())

    def identity(self) -> str:
        """Return the digest of the stored bytes."""
        return sha256_hex(self.to_bytes())
