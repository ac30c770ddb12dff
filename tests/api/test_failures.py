import errno
import os

import pytest

from tracedmodel_api.failures import as_failure, is_full
from tracedmodel_api.report import Class, Failure


def test_a_failure_stays_what_it_is():
    failure = Failure("TraceFailed", "because")
    assert as_failure(failure) is failure


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_out_of_space(number):
    failure = as_failure(OSError(number, os.strerror(number), "/tmp/weights"))
    assert failure.reason.name == "OutOfSpace"
    assert str(failure).startswith("no space is left: ")


def test_a_full_disk_that_only_a_message_tells_of_is_out_of_space():
    for words in ("No space left on device (os error 28)", "Disk quota exceeded (os error 122)"):
        assert as_failure(RuntimeError(f"I/O error: {words}")).reason.name == "OutOfSpace"
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
