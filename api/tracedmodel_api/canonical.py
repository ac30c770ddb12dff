"""One way to write a value down, so that equal values have equal digests."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any


def canonical_json(value: Any) -> bytes:
    """Return ``value`` as UTF-8 JSON with sorted keys and no white space.

    Raises ``ValueError`` for NaN and infinities, which JSON cannot say, and ``TypeError`` for what is not JSON data.
    """
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode()


def sha256_hex(data: bytes) -> str:
    """Return the digest of bytes as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def fingerprint(value: Any) -> str:
    """Return the digest of the canonical JSON of ``value``."""
    return sha256_hex(canonical_json(value))


_SHORT_LENGTH = 43


def to_short(digest: str) -> str:
    """Return a digest as 43 URL-safe base64 characters."""
    return base64.urlsafe_b64encode(bytes.fromhex(digest)).decode().rstrip("=")


def from_short(short: str) -> str:
    """Return the digest of 43 URL-safe base64 characters; raises ``ValueError`` for anything else."""
    digest = base64.urlsafe_b64decode(short + "=").hex()
    if to_short(digest) != short or len(short) != _SHORT_LENGTH:
        raise ValueError(f"not a short digest: {short[:_SHORT_LENGTH]!r}")
    return digest
