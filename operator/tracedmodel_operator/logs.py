"""One line an event, for people or as JSON. What is logged inside :func:`about` carries whom it is about."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timezone
from types import MappingProxyType
from typing import Any, Literal, TextIO

from tracedmodel_operator.moments import spell

Format = Literal["json", "text"]

_ABOUT: ContextVar[Mapping[str, str]] = ContextVar("about", default=MappingProxyType({}))

_QUIET = ("aiohttp", "asyncio", "kopf", "kubernetes", "urllib3")
"""What these say below WARNING is of use to their own authors: kopf says several lines an object and event."""

_KOPF = {"k8s_ref", "k8s_skip", "settings"}
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"} | _KOPF


def set_up(log_format: Format, level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send every log line, warnings of Python included, to standard error or ``stream``, and nowhere else."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_Json() if log_format == "json" else _Text())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


@contextmanager
def about(**fields: str) -> Iterator[None]:
    """Give fields to whatever this task and those it starts log inside; an inner call adds to an outer."""
    token = _ABOUT.set({**_ABOUT.get(), **fields})
    try:
        yield
    finally:
        _ABOUT.reset(token)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    """Return whom a record is about, kopf's way included, and what else was said with it."""
    of_kopf = getattr(record, "k8s_ref", None) or {}
    known = {key: of_kopf[key] for key in ("namespace", "name") if of_kopf.get(key)}
    extra = {key: value for key, value in vars(record).items() if key not in _OWN}
    return {**_ABOUT.get(), **known, **extra}


def _time(record: logging.LogRecord) -> str:
    return spell(datetime.fromtimestamp(record.created, timezone.utc), "milliseconds")


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = "".join(f" {key}={value}" for key, value in _fields(record).items())
        line = f"{_time(record)} {record.levelname:7} {record.name}: {record.getMessage()}{fields}"
        trace = _trace(record)
        return f"{line}\n{trace}" if trace else line


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        known = {
            "ts": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "msg": record.getMessage(),
        }
        trace = _trace(record)
        if trace:
            known["stacktrace"] = trace
        others = {key: value for key, value in _fields(record).items() if key not in known}
        return json.dumps({**known, **others}, default=str)


def _trace(record: logging.LogRecord) -> str:
    if not record.exc_info or record.exc_info[0] is None:
        return ""
    return logging.Formatter().formatException(record.exc_info)
