"""Workers in their threads: who runs, what they proved, and how a start is stopped."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tracedmodel_api.buckets import Bucket
from tracedmodel_api.cores import Layout, Part
from tracedmodel_api.manifest import OutputError, Proof
from tracedmodel_api.report import Failure
from tracedmodel_runtime.timing import Times
from tracedmodel_server.metrics import Start
from tracedmodel_server.model import Proved
from tracedmodel_server.workers import Loader, Workers, _Worker

ONE, FOUR = Bucket(1, 16), Bucket(4, 16)


EVERYWHERE = Layout.everywhere([ONE, FOUR], 2)
APART = Layout((Part((ONE,), 1), Part((FOUR,), 1)))


def proved(bucket, best, error=1e-6, load=0.1, proof=0.2, *, worker=0):
    found = OutputError(output="x", max_absolute_error=error, max_absolute_reference=1.0)
    proof_of = Proof(errors=(found,), agreement=1.0, samples=8)
    return Proved(worker, bucket, proof_of, Times((best, best * 2)), load, proof)


def test_a_cost_is_the_best_run_of_the_slowest_worker():
    both = [[proved(ONE, 3000), proved(FOUR, 9000)], [proved(ONE, 5000), proved(FOUR, 8000)]]
    assert Workers([], EVERYWHERE, both).costs() == {ONE: 0.005, FOUR: 0.009}


def test_a_start_is_the_worst_of_all_workers():
    both = [[proved(ONE, 3000, 1e-6, 0.3, 0.1)], [proved(ONE, 2000, 2e-6, 0.1, 0.4)]]
    assert Workers([], EVERYWHERE, both).starts() == {ONE: Start(2e-6, 0.003, 0.3, 0.4)}


def test_every_bucket_has_what_each_worker_proved():
    first, second = [proved(ONE, 1), proved(FOUR, 2)], [proved(ONE, 3), proved(FOUR, 4)]
    by_bucket = Workers([], EVERYWHERE, [first, second]).by_bucket()
    assert by_bucket == {ONE: [first[0], second[0]], FOUR: [first[1], second[1]]}


def test_buckets_that_only_some_workers_hold_have_what_those_proved():
    first, second = proved(ONE, 1), proved(FOUR, 2, worker=1)
    workers = Workers([], APART, [[first], [second]])
    assert workers.by_bucket() == {ONE: [first], FOUR: [second]}
    assert workers.costs() == {ONE: 1e-6, FOUR: 2e-6}


class Model:
    """A model whose answer is the thread that ran it."""

    def __init__(self, error=None):
        self.error = error

    def run(self, _bucket, _items, _reduce):
        if self.error:
            raise self.error
        return [threading.current_thread().name]


def test_a_worker_runs_in_its_own_thread_and_is_idle_again_afterwards(executors):
    workers = Workers([_Worker(pool, Model()) for pool in executors], EVERYWHERE, [])
    assert len(workers) == 2

    async def rounds():
        for _ in range(3):
            both = await asyncio.gather(*(workers.run(ONE, [], None) for _ in range(2)))
            assert sorted(both) == [["one_0"], ["two_0"]]

    asyncio.run(rounds())


def test_a_batch_runs_on_a_worker_that_holds_its_bucket(executors):
    workers = Workers([_Worker(pool, Model()) for pool in executors], APART, [])

    async def rounds():
        for bucket, thread in ((FOUR, "two_0"), (ONE, "one_0"), (FOUR, "two_0")):
            assert await workers.run(bucket, [], None) == [thread]

    asyncio.run(rounds())


@pytest.mark.parametrize("error", [RuntimeError("no"), SystemExit(3), KeyboardInterrupt()])
def test_a_worker_that_raises_is_idle_again_and_ends_nothing(executors, error):
    model = Model(error)
    workers = Workers([_Worker(executors[0], model)], Layout.everywhere([ONE], 1), [])

    async def twice():
        with pytest.raises(RuntimeError):
            await workers.run(ONE, [], None)
        model.error = None
        return await workers.run(ONE, [], None)

    assert asyncio.run(twice()) == ["one_0"]


@pytest.fixture
def executors():
    with ThreadPoolExecutor(1, "one") as one, ThreadPoolExecutor(1, "two") as two:
        yield [one, two]


def test_a_loader_that_is_stopped_ends_before_the_next_bucket(inside):
    artifact = inside("TextClassification").artifact
    said = []
    loader = Loader(artifact.index.target, lambda text: (said.append(text), loader.stop()))
    with pytest.raises(Failure, match="told to stop while loading") as caught:
        asyncio.run(loader.load(artifact, artifact.layout(1, 1), 1))
    loader.close()
    assert caught.value.reason.name == "Interrupted"
    assert len(said) == 1
    assert said[0].startswith("worker 0 proved bucket 1x16: error ")
