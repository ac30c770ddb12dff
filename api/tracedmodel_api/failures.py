"""Every way out of a process as a reason of the table: what was foreseen, and what was not."""

from __future__ import annotations

import errno
import os
import traceback

from tracedmodel_api.report import Failure


def as_failure(error: BaseException) -> Failure:
    """Return the failure that an exception means; what nobody foresaw is InternalError, with a trace in the log."""
    if isinstance(error, Failure):
        return error
    if is_full(error):
        return Failure("OutOfSpace", f"no space is left: {error}")
    if isinstance(error, KeyboardInterrupt):
        return Failure("Interrupted", "told to stop")
    traceback.print_exception(type(error), error, error.__traceback__)
    return Failure("InternalError", f"{type(error).__name__}: {error}")


def is_full(error: BaseException) -> bool:
    """Tell whether an error means that the disk or the quota is full; safetensors says so in words only."""
    full = (errno.ENOSPC, errno.EDQUOT)
    words = str(error)
    return getattr(error, "errno", None) in full or any(os.strerror(n) in words for n in full)
