import asyncio
import logging

import pytest

from tracedmodel_operator.errors import (
    AlreadyExists,
    ApiError,
    Conflict,
    Expired,
    NotFound,
    Refused,
    Unavailable,
)
from tracedmodel_operator.metrics import RESULTS, Metrics
from tracedmodel_operator.reconcile import Outcome
from tracedmodel_operator.workers import Workers
from tracedmodel_operator.workqueue import WorkQueue
from virtual_time import in_virtual_time, now

KEY, OTHER = ("search", "minilm"), ("search", "other")
SECONDS = 60


class Shop:
    """Workers, what they are to do at each look, and when they looked."""

    def __init__(self, *script, count=2):
        self.script = list(script)
        self.looks = []
        self.finished = []
        self.metrics = Metrics()
        self.queue = WorkQueue(chance=lambda: 0.0)
        self.started = now()
        self.workers = Workers(self.look, self.queue, self.metrics, count=count, seconds=SECONDS)

    async def look(self, key):
        self.looks.append((key, now() - self.started))
        step = self.script.pop(0) if self.script else Outcome()
        if isinstance(step, BaseException):
            raise step
        if isinstance(step, (int, float)):
            await asyncio.sleep(step)
            step = Outcome()
        self.finished.append(key)
        return step

    async def open(self, *keys, until=1000.0):
        """Work on keys for a time."""
        for key in keys or (KEY,):
            self.queue.add(key)
        self.workers.start()
        await asyncio.sleep(until)
        await self.workers.stop(0)

    def results(self):
        """Return how looks ended, and how often."""
        name = "tracedmodel_operator_reconciles_total"
        value = self.metrics.registry.get_sample_value
        counts = {result: value(name, {"result": result}) for result in RESULTS}
        return {result: int(count) for result, count in counts.items() if count}

    def times(self):
        return [time for _, time in self.looks]


@in_virtual_time
async def test_what_is_done_is_not_looked_at_again():
    shop = Shop()
    await shop.open()
    assert shop.looks == [(KEY, 0)]
    assert shop.results() == {"success": 1}


@in_virtual_time
async def test_an_outcome_says_when_to_look_again():
    shop = Shop(Outcome(again_in=30))
    await shop.open()
    assert shop.times() == [0, 30]
    assert shop.results() == {"requeue": 1, "success": 1}


@in_virtual_time
async def test_an_outcome_wakes_another_resource():
    shop = Shop(Outcome(wake=OTHER))
    await shop.open()
    assert [key for key, _ in shop.looks] == [KEY, OTHER]


@in_virtual_time
async def test_what_was_refused_is_tried_again_ever_later():
    shop = Shop(*[Outcome(retry=True)] * 3)
    await shop.open()
    assert shop.times() == pytest.approx([0, 0.05, 0.15, 0.35])
    assert shop.results() == {"refused": 3, "success": 1}


@in_virtual_time
async def test_a_success_ends_the_count_of_failures():
    shop = Shop(*[Outcome(retry=True)] * 3, Outcome(again_in=10), Outcome(retry=True))
    await shop.open()
    first, again = shop.times()[-2:]
    assert again - first == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (Unavailable(503, "", "overloaded"), "unavailable"),
        (Conflict(409, "Conflict", "changed"), "conflict"),
        (AlreadyExists(409, "AlreadyExists", "taken"), "conflict"),
        (NotFound(404, "NotFound", "gone"), "conflict"),
        (Expired(410, "Expired", "too old"), "conflict"),
        (ApiError(418, "", "odd"), "conflict"),
        (Refused(403, "Forbidden", "no"), "refused"),
        (TimeoutError(), "timeout"),
        (KeyError("a fault"), "error"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value,
)
@in_virtual_time
async def test_whatever_goes_wrong_is_counted_and_tried_again(error, result):
    shop = Shop(error)
    await shop.open()
    assert shop.times() == pytest.approx([0, 0.05])
    assert shop.results() == {result: 1, "success": 1}


@in_virtual_time
async def test_an_overloaded_server_says_when_to_come_back():
    shop = Shop(Unavailable(429, "", "too many", 17.0))
    await shop.open()
    assert shop.times()[1] >= 17


@in_virtual_time
async def test_a_look_that_takes_too_long_is_given_up_and_tried_again():
    shop = Shop(10 * SECONDS)
    await shop.open()
    assert shop.times() == pytest.approx([0, SECONDS + 0.05])
    assert shop.finished == [KEY]
    assert shop.results() == {"timeout": 1, "success": 1}


@in_virtual_time
async def test_one_resources_fault_does_not_end_the_work_on_others(caplog):
    shop = Shop(*[ValueError("a fault")] * 3, count=1)
    with caplog.at_level(logging.ERROR):
        await shop.open(KEY, OTHER)
    assert {key for key, _ in shop.looks[-2:]} == {KEY, OTHER}
    assert "a fault that nobody foresaw" in caplog.text
    assert "ValueError: a fault" in caplog.text


@in_virtual_time
async def test_so_many_are_looked_at_at_a_time_and_none_twice():
    shop = Shop(10, 10, 10, count=2)
    await shop.open(("a", "1"), ("a", "2"), ("a", "3"))
    assert shop.times() == [0, 0, 10]


@in_virtual_time
async def test_work_is_caught_up_with_once_nothing_is_left():
    shop = Shop(10, 20)
    for key in (KEY, OTHER):
        shop.queue.add(key)
    shop.workers.start()
    await shop.workers.caught_up()
    assert now() - shop.started == 20
    await shop.workers.stop(0)


@in_virtual_time
async def test_work_is_caught_up_with_at_once_where_there_is_none():
    shop = Shop()
    shop.workers.start()
    await shop.workers.caught_up()
    assert now() == shop.started
    await shop.workers.stop(0)


@in_virtual_time
async def test_a_stop_lets_what_is_in_hand_end_and_begins_nothing_more():
    shop = Shop(10, count=1)
    for key in (KEY, OTHER):
        shop.queue.add(key)
    shop.workers.start()
    await asyncio.sleep(1)
    await shop.workers.stop(20)
    assert now() - shop.started == 10
    assert shop.finished == [KEY]
    assert shop.looks == [(KEY, 0)]


@in_virtual_time
async def test_a_stop_waits_no_longer_than_it_may():
    shop = Shop(50)
    shop.queue.add(KEY)
    shop.workers.start()
    await asyncio.sleep(1)
    await shop.workers.stop(20)
    assert now() - shop.started == 21
    assert shop.finished == []


@in_virtual_time
async def test_workers_that_never_began_can_be_stopped_and_twice():
    shop = Shop()
    await shop.workers.stop(20)
    await shop.workers.stop(20)
    assert now() == shop.started


@in_virtual_time
async def test_looks_that_wait_for_nothing_leave_others_their_turn():
    shop = Shop(count=1)
    turns = 0

    async def other():
        nonlocal turns
        while len(shop.finished) < 100:
            turns += 1
            await asyncio.sleep(0)

    for number in range(100):
        shop.queue.add(("search", f"m{number}"))
    shop.workers.start()
    await other()
    assert turns >= 100
    await shop.workers.stop(0)
