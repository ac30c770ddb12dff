"""Moments as Kubernetes spells them."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Literal


def spell(
    moment: datetime, unit: Literal["seconds", "milliseconds", "microseconds"] = "seconds"
) -> str:
    """Return an aware moment as Kubernetes writes it, cut to a whole unit."""
    return moment.astimezone(timezone.utc).isoformat(timespec=unit).replace("+00:00", "Z")


def read(text: str | None) -> datetime | None:
    """Return the moment that a text means, if there is one; raises ``ValueError`` if it is none."""
    # Python 3.10 does not read the Z of Kubernetes.
    return datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None
