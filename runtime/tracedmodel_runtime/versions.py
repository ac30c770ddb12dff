"""Versions of installed libraries, without importing them: a cached export must not pay for torch."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def installed(*names: str) -> dict[str, str]:
    """Return the public version of each installed distribution; builds for CPU and CUDA count as one."""
    return {name: found for name in names if (found := _version(name))}


def _version(name: str) -> str | None:
    try:
        return version(name).partition("+")[0]
    except PackageNotFoundError:
        return None
