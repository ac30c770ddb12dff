"""`curl` on a page: a request to a served model is sent to a real server, which has to like it."""

from __future__ import annotations

import json
import re
from urllib.parse import urlsplit

import httpx

from pages.arguments import Words
from pages.blocks import Refused
from pages.desk import Desk
from pages.shell import Command

_SERVED = re.compile(r"127\.0\.0\.1|localhost|[\w.-]+\.svc(\.cluster\.local)?")
_MODEL = re.compile(r"/models/([\w.-]+)")
_DEFAULT_MODEL = "minilm"
_SECONDS = 60


def check(command: Command, desk: Desk, shown: str | None) -> None:
    """Refuse a request that a server answers otherwise than with 200, and an answer without the shown keys."""
    words = Words("curl").values(
        "-d/--data/--data-binary", "-H/--header", "-X/--request", "-o/--output"
    )
    words.values("-m/--max-time", "--retry").switches(
        "-s", "-S", "-sS", "-f", "-sf", "-fsS", "-i", "-L", "-fsSL", "-k"
    )
    told = words.rest().told(command.words[1:])
    for url in told.words:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if _SERVED.fullmatch(parts.hostname or ""):
            model = _MODEL.search(parts.path)
            served = desk.ask(model[1] if model else _DEFAULT_MODEL)
            text = _answered(f"{served.address}{served.asked(parts.path)}", told, desk)
            _compare(text, shown)


def _answered(url: str, told: object, desk: Desk) -> str:
    body = "".join(_data(word, desk) for word in told.data)
    (method,) = told.request or (["POST"] if told.data else ["GET"])
    headers = dict(header.split(": ", 1) for header in told.header)
    answer = httpx.request(
        method, url, content=body, headers=headers, timeout=_SECONDS, trust_env=False
    )
    if answer.status_code != httpx.codes.OK:
        raise Refused(f"the server answers {answer.status_code}: {answer.text.strip()}")
    return answer.text


def _data(word: str, desk: Desk) -> str:
    return (desk.text(word[1:]) or "") if word.startswith("@") else word


def _compare(text: str, shown: str | None) -> None:
    """Refuse an answer on a page with keys that the real one has not; numbers are each model's own."""
    keys = set(re.findall(r'"(\w+)" *:', shown or ""))
    found = set(re.findall(r'"(\w+)" *:', text))
    if keys - found:
        raise Refused(
            f"the answer has no {', '.join(sorted(keys - found))}: {json.dumps(text[:200])}"
        )
