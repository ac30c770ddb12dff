"""What transformers says of a model's files, and what a signal means, as failures of ours."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tracedmodel_api.failures import is_full
from tracedmodel_api.report import Failure

_LINES = 3
"""What a library says first is a heading; what is wrong stands in the lines below it."""


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
        lines = [line.strip() for line in str(error).strip().splitlines()[:_LINES]]
        line = " ".join(lines) or type(error).__name__
        reason = "RemoteCodeRequired" if "trust_remote_code" in str(error) else "InvalidModelFiles"
        raise Failure(reason, f"the model in {folder} cannot be loaded: {line}") from error


def stop_on_terminate() -> None:
    """Make SIGTERM end the export as Interrupted, as ctrl-C does, so that its report says so."""
    # KeyboardInterrupt is no Exception: libraries that recover from errors of theirs do not swallow it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
