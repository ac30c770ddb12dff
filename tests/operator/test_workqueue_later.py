"""Keys that are added later: at a time, or after a failure."""

import asyncio

import pytest

from queues import taken
from tracedmodel_operator.workqueue import Backoff, WorkQueue
from virtual_time import in_virtual_time, now


@in_virtual_time
async def test_a_key_that_is_added_later_comes_when_its_time_has_come():
    queue = WorkQueue()
    began = now()
    queue.add_after("a", 600)
    assert (queue.depth, queue.waiting) == (0, 1)
    assert await queue.get() == "a"
    assert now() == began + 600
    assert queue.waiting == 0


@in_virtual_time
async def test_a_key_that_is_added_after_no_time_comes_at_once():
    queue = WorkQueue()
    queue.add_after("a", 0)
    assert (queue.depth, queue.waiting) == (1, 0)


@in_virtual_time
async def test_keys_of_one_time_come_in_the_order_they_were_added():
    queue = WorkQueue()
    for key in "cab":
        queue.add_after(key, 5)
    await asyncio.sleep(5)
    assert await taken(queue) == ["c", "a", "b"]


@in_virtual_time
async def test_keys_that_cannot_be_compared_may_have_the_same_time():
    queue = WorkQueue()
    for key in (1, "a", None):
        queue.add_after(key, 5)
    await asyncio.sleep(5)
    assert await taken(queue) == [1, "a", None]


@pytest.mark.parametrize("waits", [(5, 60), (60, 5)])
@in_virtual_time
async def test_of_several_times_of_a_key_the_earliest_holds(waits):
    queue = WorkQueue()
    began = now()
    for seconds in waits:
        queue.add_after("a", seconds)
    await queue.get()
    assert now() == began + 5
    queue.done("a")
    await asyncio.sleep(100)
    assert queue.depth == 0


@in_virtual_time
async def test_a_key_whose_time_comes_while_a_worker_has_it_comes_back():
    queue = WorkQueue()
    queue.add("a")
    await queue.get()
    queue.add_after("a", 5)
    await asyncio.sleep(10)
    assert queue.depth == 0
    queue.done("a")
    assert queue.depth == 1


@in_virtual_time
async def test_adding_a_key_leaves_its_later_time_standing():
    queue = WorkQueue()
    queue.add_after("a", 5)
    queue.add("a")
    queue.done(await queue.get())
    await asyncio.sleep(5)
    assert queue.depth == 1


@in_virtual_time
async def test_entries_out_of_date_do_not_pile_up():
    queue = WorkQueue()
    for _ in range(10_000):
        queue.add_after("a", 600)
        queue.add_after("a", 1)
        queue.done(await queue.get())
    assert len(queue._later._heap) < 200


def failing(queue, times):
    """Let a key fail and return how long it waited each time."""

    async def waits():
        for _ in range(times):
            began = now()
            queue.retry("a")
            queue.done(await queue.get())
            yield now() - began

    return waits()


@in_virtual_time
async def test_a_key_that_fails_waits_twice_as_long_each_time_up_to_five_minutes():
    queue = WorkQueue(chance=lambda: 0.0)
    waits = [seconds async for seconds in failing(queue, 100)]
    assert waits[:4] == pytest.approx([0.05, 0.1, 0.2, 0.4])
    assert waits[12:] == pytest.approx([204.8] + [300] * 87)


@in_virtual_time
async def test_the_wait_of_a_failed_key_is_shortened_by_up_to_half_to_spread_the_keys():
    queue = WorkQueue(chance=lambda: 0.5, backoff=Backoff(8, 100))
    assert [seconds async for seconds in failing(queue, 2)] == pytest.approx([6, 12])


@in_virtual_time
async def test_a_key_waits_as_long_as_the_server_asked_for():
    queue = WorkQueue(chance=lambda: 0.0)
    began = now()
    queue.retry("a", at_least=30)
    await queue.get()
    assert now() == began + 30


@in_virtual_time
async def test_a_key_that_succeeded_starts_to_wait_anew():
    queue = WorkQueue(chance=lambda: 0.0)
    assert len([wait async for wait in failing(queue, 10)]) == 10
    queue.forget("a")
    queue.forget("never failed")
    assert [wait async for wait in failing(queue, 1)] == pytest.approx([0.05])


@in_virtual_time
async def test_forgetting_failures_takes_no_add_back():
    queue = WorkQueue(chance=lambda: 0.0)
    queue.retry("a")
    queue.forget("a")
    assert await queue.get() == "a"


@in_virtual_time
async def test_ten_thousand_keys_share_one_timer():
    queue = WorkQueue()
    for key in range(10_000):
        queue.add_after(key, 600 - key / 100)
    alive = [h for h in asyncio.get_running_loop()._scheduled if not h.cancelled()]
    assert len(alive) == 1
    await asyncio.sleep(600)
    assert await taken(queue) == list(range(9999, -1, -1))


@in_virtual_time
async def test_a_loop_that_calls_a_little_early_is_believed():
    asyncio.get_running_loop()._clock_resolution = 0.5
    queue = WorkQueue()
    queue.add_after("a", 5)
    await asyncio.sleep(4.75)
    assert (queue.depth, queue.waiting) == (1, 0)
