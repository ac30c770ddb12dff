import asyncio

import pytest

from tracedmodel_api.buckets import Bucket
from tracedmodel_server.batcher import Batcher
from tracedmodel_server.errors import Overloaded
from tracedmodel_server.policy import BatchQueue

ONE, FOUR = Bucket(1, 16), Bucket(4, 16)


class Runner:
    """Runs a batch when told to, and answers each text with its capitals."""

    def __init__(self):
        self.batches = []
        self.gate = asyncio.Event()
        self.error = None

    async def __call__(self, _bucket, items):
        self.batches.append(list(items))
        await self.gate.wait()
        if self.error:
            raise self.error
        return [item.upper() for item in items]

    def dispatched(self, bucket, lengths, waited):
        pass

    def finished(self, bucket, seconds):
        pass


def a_batcher(runner, max_queued=16, delay=0.0, workers=1):
    queue = BatchQueue({ONE: 0.001, FOUR: 0.002}, delay, workers)
    return Batcher(queue, runner, max_queued, runner)


def submit(batcher, *texts):
    return asyncio.ensure_future(batcher.submit(texts, [5] * len(texts)))


async def settle():
    for _ in range(10):
        await asyncio.sleep(0)


def scenario(test):
    """Run a coroutine function as a test, with a runner of its own."""

    def run():
        async def with_runner():
            await asyncio.wait_for(test(Runner()), 30)

        asyncio.run(with_runner())

    run.__name__ = test.__name__
    return run


@scenario
async def test_results_come_in_the_order_of_the_texts(runner):
    batcher = a_batcher(runner)
    runner.gate.set()
    results = await asyncio.gather(submit(batcher, *"abcdefg"), submit(batcher, "h"))
    assert results == [list("ABCDEFG"), ["H"]]


@scenario
async def test_texts_that_come_while_a_batch_runs_share_the_next(runner):
    batcher = a_batcher(runner)
    first = submit(batcher, "a")
    await settle()
    others = [submit(batcher, text) for text in "bcd"]
    await settle()
    assert runner.batches == [["a"]]
    runner.gate.set()
    await asyncio.gather(first, *others)
    assert runner.batches == [["a"], ["b", "c", "d"]]


@scenario
async def test_permits_count_texts_of_single_and_of_many_alike(runner):
    batcher = a_batcher(runner, max_queued=4)
    running = submit(batcher, "a")
    await settle()
    waiting = [submit(batcher, "b"), submit(batcher, "c", "d")]
    await settle()
    for texts in (("e", "f"), tuple("ghijk")):
        with pytest.raises(Overloaded, match="room for 1 texts of 4") as refused:
            await submit(batcher, *texts)
        assert refused.value.retry_after >= 1
    last = submit(batcher, "l")
    await settle()
    with pytest.raises(Overloaded):
        await submit(batcher, "m")
    runner.gate.set()
    assert len(await asyncio.gather(running, *waiting, last)) == 4


@scenario
async def test_a_long_queue_is_told_to_come_back_later(runner):
    batcher = a_batcher(runner, max_queued=100)
    runner.gate.set()
    batcher._seconds_per_text = 0.5
    runner.gate.clear()
    everything = submit(batcher, *["a"] * 100)
    await settle()
    with pytest.raises(Overloaded) as refused:
        await submit(batcher, *["b"] * 8)
    assert refused.value.retry_after == 48
    runner.gate.set()
    await everything


@scenario
async def test_texts_whose_caller_has_gone_never_run(runner):
    batcher = a_batcher(runner)
    running = submit(batcher, "a")
    gone, stays = submit(batcher, "b", "c"), submit(batcher, "d")
    await settle()
    gone.cancel()
    await settle()
    assert len(batcher) == 1
    runner.gate.set()
    assert await running == ["A"]
    assert await stays == ["D"]
    assert runner.batches == [["a"], ["d"]]


@scenario
async def test_a_caller_who_goes_while_its_text_runs_disturbs_nobody(runner):
    batcher = a_batcher(runner)
    gone, stays = submit(batcher, "a"), submit(batcher, "b")
    await settle()
    gone.cancel()
    runner.gate.set()
    assert await stays == ["B"]


@scenario
async def test_a_batch_that_fails_is_told_to_its_own_callers_alone(runner):
    batcher = a_batcher(runner)
    running = submit(batcher, "a")
    await settle()
    runner.error = RuntimeError("the device is gone")
    runner.gate.set()
    with pytest.raises(RuntimeError, match="the device is gone"):
        await running
    runner.error = None
    assert await submit(batcher, "b") == ["B"]


@scenario
async def test_the_rest_of_a_request_is_dropped_when_one_of_its_batches_fails(runner):
    batcher = a_batcher(runner)
    request = submit(batcher, *"abcdefgh")
    await settle()
    runner.error = RuntimeError("no")
    runner.gate.set()
    with pytest.raises(RuntimeError):
        await request
    await settle()
    assert len(runner.batches) == 1
    assert len(batcher) == 0


@scenario
async def test_a_lingering_batch_leaves_when_its_time_is_over(runner):
    batcher = a_batcher(runner, delay=0.02)
    runner.gate.set()
    await submit(batcher, *"abc")
    start = asyncio.get_running_loop().time()
    assert await submit(batcher, "d") == ["D"]
    assert asyncio.get_running_loop().time() - start >= 0.02


@scenario
async def test_every_worker_gets_a_batch(runner):
    batcher = a_batcher(runner, workers=2)
    work = submit(batcher, *"abcdefgh")
    await settle()
    assert sorted(runner.batches) == [list("abcd"), list("efgh")]
    runner.gate.set()
    await work


@scenario
async def test_an_error_for_all_ends_what_waits_and_what_runs(runner):
    batcher = a_batcher(runner)
    running, waiting = submit(batcher, "a"), submit(batcher, "b", "c")
    await settle()
    batcher.fail(RuntimeError("stuck"))
    for one in (running, waiting):
        with pytest.raises(RuntimeError, match="stuck"):
            await one
    assert len(batcher) == 0
    runner.gate.set()
    assert await submit(batcher, "d") == ["D"]
    assert runner.batches == [["a"], ["d"]]


@scenario
async def test_room_is_told_before_anything_is_submitted(runner):
    batcher = a_batcher(runner, max_queued=2)
    batcher.demand_room(2)
    with pytest.raises(Overloaded, match="room for 2 texts of 2, this request has 3"):
        batcher.demand_room(3)
