import asyncio

import pytest

from queues import taken
from tracedmodel_operator.workqueue import WorkQueue
from virtual_time import in_virtual_time


@in_virtual_time
async def test_keys_leave_in_the_order_they_came():
    queue = WorkQueue()
    for key in "cab":
        queue.add(key)
    assert await taken(queue) == ["c", "a", "b"]


@in_virtual_time
async def test_a_key_that_waits_is_one_however_often_it_is_added():
    queue = WorkQueue()
    for key in "aba":
        queue.add(key)
    assert await taken(queue) == ["a", "b"]


@in_virtual_time
async def test_a_key_that_a_worker_has_comes_back_after_it_is_done():
    queue = WorkQueue()
    queue.add("a")
    await queue.get()
    queue.add("a")
    queue.add("a")
    assert queue.depth == 0
    queue.done("a")
    assert await taken(queue) == ["a"]


@in_virtual_time
async def test_a_key_that_comes_back_queues_behind_those_that_waited():
    queue = WorkQueue()
    queue.add("a")
    await queue.get()
    queue.add("a")
    queue.add("b")
    queue.done("a")
    assert await taken(queue) == ["b", "a"]


@in_virtual_time
async def test_a_key_that_is_done_and_was_not_added_again_is_gone():
    queue = WorkQueue()
    queue.add("a")
    await queue.get()
    queue.done("a")
    assert queue.depth == 0


@in_virtual_time
async def test_giving_back_a_key_that_no_worker_has_is_an_error():
    with pytest.raises(KeyError):
        WorkQueue().done("a")


@in_virtual_time
async def test_workers_that_wait_are_served_in_the_order_they_came():
    queue = WorkQueue()
    workers = [asyncio.create_task(queue.get()) for _ in range(3)]
    await asyncio.sleep(1)
    for key in "abc":
        queue.add(key)
    assert await asyncio.gather(*workers) == ["a", "b", "c"]


@in_virtual_time
async def test_a_worker_that_is_cancelled_while_a_key_is_on_its_way_loses_none():
    queue = WorkQueue()
    worker = asyncio.create_task(queue.get())
    await asyncio.sleep(1)
    queue.add("a")
    worker.cancel()
    with pytest.raises(asyncio.CancelledError):
        await worker
    assert await taken(queue) == ["a"]


@in_virtual_time
async def test_workers_that_wait_end_when_the_queue_is_shut_down():
    queue = WorkQueue()
    workers = [asyncio.create_task(queue.get()) for _ in range(3)]
    await asyncio.sleep(1)
    queue.shut_down()
    assert await asyncio.gather(*workers) == [None, None, None]
    assert await queue.get() is None


@in_virtual_time
async def test_what_a_worker_has_can_be_finished_after_the_queue_is_shut_down():
    queue = WorkQueue()
    queue.add("a")
    queue.add("b")
    queue.add_after("c", 5)
    await queue.get()
    queue.add("a")
    queue.shut_down()
    queue.done("a")
    assert await queue.get() is None
    assert (queue.depth, queue.waiting, queue.oldest_wait) == (0, 0, 0)


@in_virtual_time
async def test_a_queue_that_is_shut_down_takes_nothing_more():
    queue = WorkQueue()
    queue.shut_down()
    queue.add("a")
    queue.add_after("b", 5)
    queue.retry("c")
    await asyncio.sleep(10)
    assert (queue.depth, queue.waiting) == (0, 0)


@in_virtual_time
async def test_the_wait_of_each_key_is_told_from_its_first_add():
    waits = []
    queue = WorkQueue(on_get=waits.append)
    queue.add("a")
    await asyncio.sleep(2)
    queue.add("a")
    queue.add("b")
    await asyncio.sleep(1)
    assert queue.oldest_wait == 3
    await taken(queue)
    assert waits == [3, 1]
    assert queue.oldest_wait == 0


@in_virtual_time
async def test_retries_are_told():
    told = []
    queue = WorkQueue(on_retry=lambda: told.append("retry"))
    queue.add("a")
    queue.retry("a")
    assert told == ["retry"]
