"""Programs that take turns as a schedule says: one request at a time, always the same way."""

from __future__ import annotations

import threading


class Turns:
    """``schedule`` holds a name for each turn; those that ended are passed over, and when it is used up the rest follow.

    A turn lasts until its program asks for the next one, or ends.
    """

    def __init__(self, schedule):
        self._schedule = list(schedule)
        self._condition = threading.Condition()
        self._left = set()
        self._running = None
        self.taken = []

    def of(self, name):
        """Return what a program of this name calls before each request."""
        return lambda what: self._take(name, what)

    def _take(self, name, what):
        with self._condition:
            self._pass_on(name)
            if not self._condition.wait_for(lambda: self._is_next(name), timeout=60):
                raise TimeoutError(f"{name} is never let go on: {what}")
            if self._schedule:
                self._schedule.pop(0)
            self._running = name
            self.taken.append((name, what))

    def _pass_on(self, name):
        if self._running == name:
            self._running = None
        self._condition.notify_all()

    def _is_next(self, name):
        while self._schedule and self._schedule[0] not in self._left:
            self._schedule.pop(0)
        chosen = self._schedule[0] if self._schedule else min(self._left)
        return self._running is None and chosen == name

    def run(self, **programs):
        """Run programs to their ends; return what each returned, or the exception that ended it."""
        self._left = set(programs)
        ends = {}

        def live(name, program):
            try:
                ends[name] = program()
            except Exception as error:  # noqa: BLE001  # an end like any other
                ends[name] = error
            with self._condition:
                self._left.discard(name)
                self._pass_on(name)

        threads = [threading.Thread(target=live, args=item) for item in programs.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return ends
