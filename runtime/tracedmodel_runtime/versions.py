"""Versions of installed libraries, without importing them: a cached export must not pay for torch."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version

_BUILD = re.compile(r"\+(cpu|cu\d+)$")


def installed(*names: str) -> dict[str, str]:
    """Return the version of each installed distribution; builds for CPU and CUDA count as one."""
    return {name: found for name in names if (found := _version(name))}


def _version(name: str) -> str | None:
    try:
        return _BUILD.sub("", version(name))
    except PackageNotFoundError:
        return None
