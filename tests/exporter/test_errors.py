from __future__ import annotations

import errno
import signal
from pathlib import Path

import pytest

from tracedmodel_api.failures import as_failure
from tracedmodel_api.report import Failure
from tracedmodel_exporter.errors import reading, stop_on_terminate


def test_sigterm_stops_an_export_past_those_who_recover_from_errors():
    before = signal.getsignal(signal.SIGTERM)

    def recovers():
        try:
            signal.raise_signal(signal.SIGTERM)
        except Exception:  # noqa: BLE001  # as libraries do
            pytest.fail("swallowed")

    try:
        stop_on_terminate()
        with pytest.raises(KeyboardInterrupt):
            recovers()
    finally:
        signal.signal(signal.SIGTERM, before)


def read(error):
    with reading(Path("/the/model")):
        raise error


@pytest.mark.parametrize(
    ("error", "reason", "sentence"),
    [
        (KeyError("hidden"), "InvalidModelFiles", "cannot be loaded: 'hidden'"),
        (ValueError("first\nsecond"), "InvalidModelFiles", "cannot be loaded: first"),
        (ValueError(), "InvalidModelFiles", "cannot be loaded: ValueError"),
        (ValueError("set trust_remote_code=True"), "RemoteCodeRequired", "trust_remote_code"),
        (Failure("ModelNotFound", "there is none"), "ModelNotFound", "there is none"),
        (OSError(errno.ENOSPC, "full"), "OutOfSpace", "full"),
    ],
)
def test_whatever_reading_a_model_raises_has_a_reason(error, reason, sentence):
    with pytest.raises((Failure, OSError), match=sentence) as caught:
        read(error)
    assert as_failure(caught.value).reason.name == reason
