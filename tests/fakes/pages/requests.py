"""Bodies of requests on a page, sent to a real server."""

from __future__ import annotations

from typing import Any

import httpx

from pages.blocks import Refused
from pages.desk import Desk

_MODEL = "minilm"
_SECONDS = 60


def check_request(document: dict[str, Any], desk: Desk) -> None:
    """Refuse a body that a server answers otherwise than with 200."""
    served = desk.ask(_MODEL)
    tail = "v1/models/NAME:predict" if "instances" in document else "v2/models/NAME/infer"
    url = f"{served.address}/{served.asked(tail)}"
    answer = httpx.post(url, json=document, timeout=_SECONDS, trust_env=False)
    if answer.status_code != httpx.codes.OK:
        raise Refused(f"the server answers {answer.status_code}: {answer.text.strip()}")
