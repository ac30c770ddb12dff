"""No key is ever with two workers, and no add is lost, in whatever order things happen."""

import asyncio

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tracedmodel_operator.workqueue import Backoff, WorkQueue
from virtual_time import Loop

KEYS = st.sampled_from("abcd")
BACKOFF = Backoff(0.125, 256)
"""Binary fractions, so that sums of times are exact."""


class Queueing(RuleBasedStateMachine):
    """A queue with three workers, against a model that only knows what must not happen."""

    def __init__(self):
        super().__init__()
        self.loop = Loop()
        self.inside(self.start())
        self.held = []
        self.owed = set()
        """Keys added since a worker last took them: each must be taken again."""
        self.due = {}

    def teardown(self):
        self.loop.dispose()

    def inside(self, coroutine):
        return self.loop.run_until_complete(coroutine)

    async def start(self):
        self.queue = WorkQueue(backoff=BACKOFF, chance=lambda: 0.0)
        self.workers = [asyncio.create_task(self.queue.get()) for _ in range(3)]

    def settle(self):
        self.loop.settle()
        for index, worker in enumerate(self.workers):
            if worker.done():
                key = worker.result()
                assert key not in self.held, "two workers have one key"
                assert key in self.owed, "nobody added the key"
                self.owed.discard(key)
                self.held.append(key)
                self.workers[index] = self.loop.create_task(asyncio.Event().wait())

    def call(self, function, *arguments):
        async def inside():
            function(*arguments)

        self.inside(inside())
        self.settle()

    def later(self, key, seconds):
        when = self.loop.time() + seconds
        self.due[key] = min(when, self.due.get(key, when))

    @rule(key=KEYS)
    def add(self, key):
        self.owed.add(key)
        self.call(self.queue.add, key)

    @rule(key=KEYS, seconds=st.sampled_from([0.5, 1, 60]))
    def add_after(self, key, seconds):
        self.later(key, seconds)
        self.call(self.queue.add_after, key, seconds)

    @rule(key=KEYS)
    def retry(self, key):
        failures = self.queue._failures.get(key, 0)
        self.later(key, BACKOFF.seconds(failures, 0.0))
        self.call(self.queue.retry, key)

    @rule(key=KEYS)
    def forget(self, key):
        self.call(self.queue.forget, key)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def done(self, data):
        key = data.draw(st.sampled_from(self.held))
        self.held.remove(key)
        self.call(self.queue.done, key)
        self.hire()

    @rule()
    def cancel_a_waiting_worker(self):
        for index, worker in enumerate(self.workers):
            if worker.get_coro().__name__ == "get":
                worker.cancel()
                self.loop.settle()
                self.workers[index] = self.loop.create_task(self.queue.get())
                break
        self.settle()

    def hire(self):
        """Have the worker that gave its key back ask for the next."""
        for index, worker in enumerate(self.workers):
            if worker.get_coro().__name__ != "get":
                worker.cancel()
                self.workers[index] = self.loop.create_task(self.queue.get())
                break
        self.settle()

    @rule(seconds=st.sampled_from([0.25, 1, 30, 400]))
    def time_passes(self, seconds):
        until = self.loop.time() + seconds
        while self.loop.next_time <= until:
            self.loop.clock.now = max(self.loop.clock.now, self.loop.next_time)
            self.come_due()
            self.settle()
        self.loop.clock.now = until
        self.come_due()

    def come_due(self):
        for key, when in list(self.due.items()):
            if when <= self.loop.time():
                del self.due[key]
                self.owed.add(key)

    @invariant()
    def no_add_is_lost(self):
        waiting = {key for key in self.owed if key not in self.held}
        assert self.queue.depth == len(waiting)
        assert not waiting or len(self.held) == 3
        assert self.queue.waiting == len(self.due)


Queueing.TestCase.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
TestQueueing = Queueing.TestCase
