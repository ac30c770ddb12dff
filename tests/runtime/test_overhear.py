import contextlib
import logging
import os
import subprocess
import sys
from pathlib import Path

from tracedmodel_runtime.overhear import heard_by_logger, heard_on_stderr


def test_what_a_logger_says_is_heard_and_its_level_is_as_before():
    logger = logging.getLogger("Overheard")
    logger.setLevel(logging.ERROR)
    with heard_by_logger("Overheard") as lines:
        logger.info("compiled = %d", 555)
        logger.debug("unheard")
    logger.error("after")
    assert lines == ["compiled = 555"]
    assert (logger.level, logger.handlers) == (logging.ERROR, [])


def test_what_is_written_past_python_is_heard_and_still_shown(capfd):
    with heard_on_stderr() as lines:
        os.write(2, b"NRT: one\nNRT: tw")
        os.write(2, b"o\nno end")
    os.write(2, b"after\n")
    assert lines == ["NRT: one", "NRT: two", "no end"]
    assert capfd.readouterr().err == "NRT: one\nNRT: two\nno endafter\n"


def test_an_error_leaves_all_that_was_heard(capfd):
    with contextlib.suppress(RuntimeError), heard_on_stderr() as heard:
        os.write(2, b"why\n")
        raise RuntimeError
    assert heard == ["why"]
    assert capfd.readouterr().err == "why\n"


def test_of_very_much_the_end_is_kept(capfd):
    with heard_on_stderr() as lines:
        for number in range(1000):
            os.write(2, b"%d\n" % number)
    assert lines[-1] == "999"
    assert len(lines) == 200
    assert capfd.readouterr().err.count("\n") == 1000


def test_a_child_that_lives_on_keeps_nobody_waiting_and_its_words_are_still_shown(capfd):
    says = "import sys; sys.stdin.read(); sys.stderr.write('late\\n')"
    with heard_on_stderr() as lines:
        child = subprocess.Popen([sys.executable, "-c", says], stdin=subprocess.PIPE)
        os.write(2, b"early\n")
    assert lines == ["early"]
    child.communicate()
    assert child.returncode == 0
    assert lines == ["early"]
    shown = ""
    while "late" not in shown:
        shown += capfd.readouterr().err
    assert shown == "early\nlate\n"


def test_no_descriptor_is_left_open():
    def opened():
        return set(Path("/proc/self/fd").iterdir())

    before = opened()
    for _ in range(3):
        with heard_on_stderr():
            os.write(2, b"x")
    while len(opened()) > len(before):
        pass
