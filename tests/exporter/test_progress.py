from __future__ import annotations

import io
import os
import pty
import re

import pytest

from exports import Told
from tracedmodel_exporter.progress import Bar, Lines, Timed, progress_for


class Flushed(io.StringIO):
    """A stream that counts how often it was flushed."""

    flushes = 0

    def flush(self):
        self.flushes += 1
        super().flush()


def test_lines_say_each_step_with_its_time_once_it_is_done():
    stream = Flushed()
    lines = progress_for(stream)
    assert isinstance(lines, Lines)
    lines.expect(2)
    with lines.step("1x16", "trace"):
        assert stream.getvalue() == ""
    lines.say("1x16: published already")
    lines.close()
    first, second = stream.getvalue().splitlines()
    assert re.fullmatch(r"1x16: trace \d+\.\d\d s", first)
    assert second == "1x16: published already"
    assert stream.flushes >= 2


def test_a_step_that_fails_is_not_said_to_be_done():
    stream = io.StringIO()

    def fail():
        with Lines(stream).step("1x16", "trace"):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert stream.getvalue() == ""


def test_every_step_is_timed_one_that_fails_as_well_and_shown_all_the_same():
    shown = Told()
    timed = Timed(shown)
    for subject, name in (("1x16", "trace"), ("2x16", "trace"), ("2x16", "save")):
        with timed.step(subject, name):
            pass
    with pytest.raises(ZeroDivisionError), timed.step("2x16", "verify"):
        raise ZeroDivisionError
    timed.say("so")
    assert shown.steps == [("1x16", "trace"), ("2x16", "trace"), ("2x16", "save")]
    assert shown.said == ["so"]
    assert list(timed.seconds) == [*shown.steps, ("2x16", "verify")]
    assert 0 < sum(timed.seconds.values()) <= timed.elapsed()


def test_the_times_of_all_buckets_are_told_together_in_milliseconds():
    timed = Timed(Told())
    timed.seconds.update({("1x16", "trace"): 1.25, ("2x16", "trace"): 0.75, ("model", "load"): 3.0})
    assert timed.milliseconds() == {"trace": 2000, "load": 3000}


def read_all(master):
    """All that was written to a terminal whose other end is closed."""
    parts = []
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:
            break
        if not part:
            break
        parts.append(part)
    os.close(master)
    return b"".join(parts).decode()


def test_a_terminal_gets_a_bar_that_fills_by_steps_and_is_gone_at_the_end():
    master, slave = pty.openpty()
    with os.fdopen(slave, "w") as stream:
        bar = progress_for(stream)
        assert isinstance(bar, Bar)
        bar._bar.mininterval = 0
        with bar.step("source", "resolve"):
            pass
        bar.expect(2)
        with bar.step("1x16", "trace"):
            pass
        bar.say("1x24: published already")
        with bar.step("1x16", "save"):
            pass
        bar.close()
    shown = read_all(master)
    assert "/0" not in shown
    assert "1x16 trace" in shown
    assert "1x16 save" in shown
    assert "2/2" in shown
    assert "1x24: published already\r\n" in shown
    assert shown.rstrip(" ").endswith("\r")
