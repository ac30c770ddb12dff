"""``tracedmodel export`` before a person, who sees a bar."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

import pytest

from exports import a_request

pytestmark = pytest.mark.transformers

EXPORT = [sys.executable, "-m", "tracedmodel_exporter"]


def on_a_terminal(command):
    """Run a command whose standard error is a terminal; return its exit code and what the terminal got."""
    master, slave = pty.openpty()
    rows_and_columns = struct.pack("HHHH", 24, 80, 0, 0)
    fcntl.ioctl(slave, termios.TIOCSWINSZ, rows_and_columns)
    with subprocess.Popen(command, stderr=slave, stdout=subprocess.DEVNULL) as process:
        os.close(slave)
        parts = []
        while True:
            try:
                part = os.read(master, 65536)
            except OSError:
                break
            parts.append(part)
    os.close(master)
    return process.returncode, b"".join(parts).decode()


def test_a_terminal_gets_a_bar(model, store, asked):
    asked(a_request(model(), store))
    code, shown = on_a_terminal(EXPORT)
    assert code == 0
    assert "/9 " in shown
    # As long as nobody knows how many steps there will be, none are counted.
    assert "/0 " not in shown
    assert "/?" not in shown
    assert ": trace " not in shown


def test_a_second_run_on_a_terminal_says_what_is_published(model, store, asked):
    asked(a_request(model(), store))
    first, _ = on_a_terminal(EXPORT)
    assert first == 0
    code, shown = on_a_terminal(EXPORT)
    assert code == 0
    assert "2x16: published already\r\n" in shown
