"""Progress for people: a bar on a terminal, a line a step elsewhere; and the time of every step."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, TextIO

from tqdm import tqdm

_PROOF = ("reopen", "verify", "benchmark")
STEPS = ("trace", "save", "record", *_PROOF, "publish")
"""What is done to each bucket."""
STEPS_UNPROVED = tuple(step for step in STEPS if step not in _PROOF)
"""The same where a graph cannot be run by who traced it."""


class Progress(Protocol):
    """Told what an export does."""

    def expect(self, steps: int) -> None:
        """Say how many steps there will be."""
        ...

    def step(self, subject: str, name: str) -> AbstractContextManager[None]:
        """Return a context that is one step: of a bucket, or of the whole."""
        ...

    def say(self, text: str) -> None:
        """Say a sentence."""
        ...

    def close(self) -> None:
        """Leave the stream as it should be for whatever is written next."""
        ...


class Timed:
    """Passes on what it is told, and keeps the seconds of every step, of one that fails as well."""

    def __init__(self, shown: Progress) -> None:
        self._shown = shown
        self._start = time.perf_counter()
        self.seconds: defaultdict[tuple[str, str], float] = defaultdict(float)
        """By subject and name of the step."""
        self.expect, self.say, self.close = shown.expect, shown.say, shown.close

    @contextmanager
    def step(self, subject: str, name: str) -> Iterator[None]:
        """Show the step and take its time."""
        start = time.perf_counter()
        try:
            with self._shown.step(subject, name):
                yield
        finally:
            self.seconds[subject, name] += time.perf_counter() - start

    def elapsed(self) -> float:
        """Return the seconds since the beginning."""
        return time.perf_counter() - self._start

    def milliseconds(self) -> dict[str, int]:
        """Return what each kind of step took, all subjects together."""
        spent: defaultdict[str, float] = defaultdict(float)
        for (_, name), seconds in self.seconds.items():
            spent[name] += seconds
        return {name: round(seconds * 1000) for name, seconds in spent.items()}


class Lines:
    """One line a step, with its time in seconds."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def expect(self, steps: int) -> None:
        """Say nothing: lines need no end in sight."""

    @contextmanager
    def step(self, subject: str, name: str) -> Iterator[None]:
        """Say the step and its time once it is done."""
        start = time.perf_counter()
        yield
        self.say(f"{subject}: {name} {time.perf_counter() - start:.2f} s")

    def say(self, text: str) -> None:
        """Write a line at once: a log is read while it grows."""
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def close(self) -> None:
        """Do nothing: every line is complete."""


class Bar:
    """A bar that fills by steps, once it is known how many there are."""

    def __init__(self, stream: TextIO) -> None:
        self._bar = tqdm(file=stream, bar_format="{desc:<24} {elapsed}", leave=False)

    def expect(self, steps: int) -> None:
        """Set the bar's length."""
        self._bar.bar_format = "{desc:<24}{bar:30} {n}/{total} {elapsed}"
        self._bar.reset(total=steps)

    @contextmanager
    def step(self, subject: str, name: str) -> Iterator[None]:
        """Show the step, and fill the bar once it is done."""
        self._bar.set_description_str(f"{subject} {name}")
        yield
        self._bar.update()

    def say(self, text: str) -> None:
        """Write a line above the bar."""
        self._bar.write(text, file=self._bar.fp)

    def close(self) -> None:
        """Remove the bar."""
        self._bar.close()


def progress_for(stream: TextIO) -> Progress:
    """Return a bar for a terminal and lines for anything else."""
    return Bar(stream) if stream.isatty() else Lines(stream)
