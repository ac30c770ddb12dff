from __future__ import annotations

import errno
import os
import signal
from pathlib import Path

import pytest

from tracedmodel_api.report import Class, Failure
from tracedmodel_exporter.errors import as_failure, is_full, reading, stop_on_terminate


def test_a_failure_stays_what_it_is():
    failure = Failure("TraceFailed", "because")
    assert as_failure(failure) is failure


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_out_of_space(number):
    failure = as_failure(OSError(number, os.strerror(number), "/tmp/weights"))
    assert failure.reason.name == "OutOfSpace"
    assert str(failure).startswith("no space is left: ")


def test_a_full_disk_that_only_a_message_tells_of_is_out_of_space():
    error = RuntimeError("I/O error: No space left on device (os error 28)")
    assert as_failure(error).reason.name == "OutOfSpace"
    assert not is_full(RuntimeError("I/O error"))


def test_being_told_to_stop_is_interrupted_and_tried_again():
    failure = as_failure(KeyboardInterrupt())
    assert failure.reason.name == "Interrupted"
    assert failure.reason.failure_class is Class.TRANSIENT


def test_what_nobody_foresaw_is_an_internal_error_with_its_trace_in_the_log(capsys):
    failure = as_failure(ZeroDivisionError("division by zero"))
    assert failure.reason.name == "InternalError"
    assert failure.reason.failure_class is Class.TRANSIENT
    assert str(failure) == "ZeroDivisionError: division by zero"
    assert "ZeroDivisionError: division by zero" in capsys.readouterr().err


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
