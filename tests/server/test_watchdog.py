import asyncio

import pytest

from tracedmodel_api.buckets import Bucket
from tracedmodel_server.watchdog import Watchdog

ONE = Bucket(1, 16)


class Runner:
    """Runs batches that wait for their gates."""

    def __init__(self):
        self.gates = {}
        self.told = asyncio.Queue()

    async def __call__(self, _bucket, items):
        gate = self.gates[items[0]] = asyncio.Event()
        await gate.wait()
        return [items[0].upper()]


def watched(test, seconds=0.01):
    async def with_watchdog():
        runner = Runner()
        await asyncio.wait_for(test(runner, Watchdog(runner, seconds, runner.told.put_nowait)), 30)

    asyncio.run(with_watchdog())


def test_a_batch_in_time_is_nothing_to_tell():
    async def test(runner, watchdog):
        work = asyncio.ensure_future(watchdog(ONE, ["a"]))
        await asyncio.sleep(0)
        runner.gates["a"].set()
        assert await work == ["A"]
        assert runner.told.empty()

    watched(test, seconds=60)


def test_a_late_batch_is_told_and_so_is_its_return():
    async def test(runner, watchdog):
        work = asyncio.ensure_future(watchdog(ONE, ["a"]))
        assert await runner.told.get() is True
        runner.gates["a"].set()
        assert await work == ["A"]
        assert runner.told.get_nowait() is False

    watched(test)


def test_all_late_batches_must_come_back():
    async def test(runner, watchdog):
        works = [asyncio.ensure_future(watchdog(ONE, [name])) for name in "ab"]
        assert [await runner.told.get() for _ in works] == [True, True]
        runner.gates["a"].set()
        assert await works[0] == ["A"]
        assert runner.told.empty()
        runner.gates["b"].set()
        await works[1]
        assert runner.told.get_nowait() is False

    watched(test)


def test_a_late_batch_that_fails_came_back_as_well():
    async def fail(_bucket, _items):
        await asyncio.sleep(0.05)
        raise RuntimeError("the device is gone")

    async def scenario():
        heard = []
        with pytest.raises(RuntimeError):
            await Watchdog(fail, 0.001, heard.append)(ONE, ["a"])
        assert heard == [True, False]

    asyncio.run(scenario())
