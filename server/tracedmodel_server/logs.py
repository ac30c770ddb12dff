"""One line an event: for people or as JSON."""

from __future__ import annotations

import json
import logging
import sys
from datetime import datetime, timezone
from typing import Any

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "taskName"}


def set_up(log_format: str, *, access: bool) -> None:
    """Send every log line to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if log_format == "json" else _Text())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    logging.getLogger("uvicorn.access").setLevel(logging.INFO if access else logging.WARNING)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    extra = {key: value for key, value in vars(record).items() if key not in _OWN}
    if record.exc_info:
        extra["trace"] = logging.Formatter().formatException(record.exc_info)
    return extra


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds")


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{key}={value!r}" for key, value in _fields(record).items())
        return f"{_time(record)} {record.levelname} {record.getMessage()} {fields}".rstrip()


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        known = {"time": _time(record), "level": record.levelname, "message": record.getMessage()}
        return json.dumps(known | _fields(record), default=str)
