"""Every way out of an export as a reason of the table: what was foreseen, and what was not."""

from __future__ import annotations

import errno
import os
import signal
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Whatever transformers says of a model's files becomes a failure of ours."""
    try:
        yield
    except Failure:
        raise
    except Exception as error:
        if is_full(error):
            raise
        line = next(iter(str(error).strip().splitlines()), type(error).__name__)
        reason = "RemoteCodeRequired" if "trust_remote_code" in str(error) else "InvalidModelFiles"
        raise Failure(reason, f"the model in {folder} cannot be loaded: {line}") from error


def stop_on_terminate() -> None:
    """Make SIGTERM end the export as Interrupted, as ctrl-C does, so that its report says so."""
    # KeyboardInterrupt is no Exception: libraries that recover from errors of theirs do not swallow it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def is_full(error: BaseException) -> bool:
    """Tell whether an error means that the disk is full; safetensors says so in words only."""
    number = getattr(error, "errno", None)
    return number in (errno.ENOSPC, errno.EDQUOT) or os.strerror(errno.ENOSPC) in str(error)
