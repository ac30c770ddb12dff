"""How many CPUs this process may use: what the scheduler grants, and what its control group pays for."""

from __future__ import annotations

import os
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")


def available(root: Path = _ROOT) -> int:
    """Return the whole CPUs that this process may use, at least 1."""
    affinity = getattr(os, "sched_getaffinity", None)
    granted = len(affinity(0)) if affinity else os.cpu_count() or 1
    quota = _quota(root)
    return granted if quota is None else max(1, min(granted, int(quota)))


def _quota(root: Path) -> float | None:
    """Return the CPUs of the control group's quota, version 2 or 1, or None where there is none."""
    try:
        limit, period = (root / "cpu.max").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        limit, period = _version_1(root)
    try:
        quota = int(limit) / int(period)
    except (ValueError, ZeroDivisionError):
        return None
    return quota if quota > 0 else None


def _version_1(root: Path) -> tuple[str, str]:
    try:
        quota, period = (
            (root / "cpu" / f"cpu.cfs_{name}_us").read_text(encoding="ascii").strip()
            for name in ("quota", "period")
        )
    except OSError:
        return "max", "1"
    return quota, period
