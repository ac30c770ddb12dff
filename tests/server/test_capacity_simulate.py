import asyncio

import numpy as np
import pytest

from capacity_plans import EIGHT, ONE, fleet, steady, traffic
from tracedmodel_api.buckets import Bucket
from tracedmodel_api.cores import lay_out
from tracedmodel_server.batcher import Batcher
from tracedmodel_server.capacity.figures import figures
from tracedmodel_server.capacity.simulate import Balancing, Run, Simulation
from tracedmodel_server.capacity.times import Spread
from tracedmodel_server.policy import BatchQueue
from virtual_time import Loop

ALL = Run(requests=10, warm_share=0)


def play(chosen, requests, run=ALL, **settings):
    return Simulation(chosen, run, **settings).play(requests)


def played(chosen, asked, run):
    """Return the figures of random traffic."""
    record = play(chosen, asked.requests(run.requests, run.seed), run)
    return figures(record, chosen, asked.texts_per_request)


class Diary:
    """What the real batcher dispatched."""

    def __init__(self):
        self.batches = []

    def dispatched(self, bucket, lengths, _waited):
        self.batches.append((bucket, sum(lengths)))

    def finished(self, _bucket, _seconds):
        pass


class Growing:
    """Times of batches, each a little longer than the one before: no two batches end at exactly the same time.

    Where they do, who is first is chance in a real server too, and what follows from it.
    """

    def __init__(self, times):
        self._times = times
        self._count = 0

    def __call__(self, bucket):
        self._count += 1
        return self._times[bucket].p50 * (1 + 1e-5 * self._count)


async def really_served(chosen, layout, requests, diary):
    """Return the latencies that the server's own batcher gives the requests, in their order."""
    loop = asyncio.get_running_loop()
    seconds = {bucket: spread.p50 for bucket, spread in chosen.times.items()}
    took = Growing(chosen.times)

    async def run(bucket, items):
        await asyncio.sleep(took(bucket))
        return items

    queue = BatchQueue(seconds, chosen.max_delay, layout=layout)
    batcher = Batcher(queue, run, chosen.max_queued, diary)
    start = loop.time()

    async def ask(moment, lengths):
        await asyncio.sleep(moment)
        await batcher.submit(lengths, lengths)
        return loop.time() - start - moment

    return await asyncio.gather(*(ask(*request) for request in requests))


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(
    "case",
    [(1, 60, 1, None), (1, 150, 2, None), (4, 300, 2, None), (4, 300, 2, 3), (4, 400, 2, 3)],
)
def test_a_simulated_server_does_what_the_real_batcher_does(seed, case, monkeypatch):
    workers, rate, texts, held = case
    times = steady((ONE, 0.010), (EIGHT, 0.040), (Bucket(1, 16), 0.004), (Bucket(8, 16), 0.015))
    chosen = fleet(workers=workers, times=times, max_queued=10_000, most_buckets=held)
    weights = 10**9 // (held or len(times))
    layout = lay_out(list(times), weights, workers)
    asked = traffic(rate, ((8, 3), (40, 2), (64, 1)), texts)
    requests = list(asked.requests(400, seed=seed))
    took = Growing(times)
    monkeypatch.setattr(Simulation, "_seconds", lambda _, bucket: took(bucket))
    record = play(chosen, requests, Run(requests=400, warm_share=0))
    diary, loop = Diary(), Loop()
    real = loop.run_until_complete(really_served(chosen, layout, requests, diary))
    loop.close()
    assert [(batch.bucket, batch.tokens) for batch in record.batches] == diary.batches
    order = np.argsort(record.arrived)
    assert np.asarray(record.latencies)[order] == pytest.approx(real, abs=1e-6)


@pytest.mark.parametrize("load", [0.3, 0.7])
def test_one_server_without_batches_waits_as_queueing_theory_says(load):
    # M/D/1: the mean wait is load / (2 (1 - load)) service times.
    chosen = fleet(times=steady((ONE, 0.010)), max_delay=0.0, max_queued=10**6)
    run = Run(requests=40_000)
    record = play(chosen, traffic(100 * load).requests(run.requests, 2), run)
    wait = np.mean(record.latencies) - 0.010
    assert wait == pytest.approx(0.010 * load / (2 * (1 - load)), rel=0.05)


def test_the_spread_of_times_is_the_measured_one():
    chosen = fleet(64, times={ONE: Spread(0.010, 0.020)}, max_delay=0.0)
    seen = played(chosen, traffic(20), Run())
    assert seen.p50 == pytest.approx(0.010, rel=0.02)
    assert seen.p99 == pytest.approx(0.020, rel=0.05)


def test_the_host_takes_one_text_after_another():
    chosen = fleet(workers=8, times=steady((ONE, 0.010)), host_seconds=0.001)
    record = play(chosen, [(0.0, (64,)), (0.0, (64, 64))])
    assert record.latencies == pytest.approx([0.011, 0.013])


def test_a_request_is_answered_when_all_of_its_texts_are():
    record = play(fleet(times=steady((ONE, 0.010))), [(0.0, (64, 64, 64))])
    assert record.latencies == pytest.approx([0.030])


def test_texts_are_turned_away_where_the_queue_is_full_and_forgotten():
    chosen = fleet(times=steady((ONE, 0.010)), max_queued=2, balancing=Balancing.LEAST_LOADED)
    record = play(chosen, [(0.0, (64,)), (0.001, (64, 64)), (0.002, (64,)), (0.1, (64, 64))])
    assert record.rejected == 1
    assert record.latencies == pytest.approx([0.010, 0.029, 0.020])


def test_requests_of_the_warm_up_do_not_count():
    run = Run(requests=10, warm_share=0.5)
    chosen = fleet(times=steady((ONE, 0.010)), max_queued=1)
    record = play(chosen, [(number * 0.001, (64,)) for number in range(10)], run)
    assert (record.began, record.ended) == (0.005, pytest.approx(0.009))
    assert len(record.latencies) + record.rejected == 5


def test_a_run_is_given_up_once_too_many_are_certain_to_be_late():
    run = Run(requests=1000, warm_share=0, late_seconds=0.05)
    record = play(fleet(times=steady((ONE, 0.010))), traffic(200).requests(1000, 1), run)
    assert record.given_up
    assert record.late == 11
    assert len(record.latencies) < 100


def test_clients_ask_again_as_soon_as_they_are_answered():
    run = Run(requests=20, warm_share=0)
    record = play(fleet(times=steady((ONE, 0.010))), [(0.0, (64,))] * 2, run, again=True)
    assert len(record.latencies) == 20
    assert record.latencies[2:] == pytest.approx([0.020] * 18)


def test_least_loaded_balancing_finds_the_idle_server():
    chosen = fleet(2, times=steady((ONE, 0.010)), balancing=Balancing.LEAST_LOADED)
    assert play(chosen, [(0.0, (64,))] * 2).latencies == pytest.approx([0.010, 0.010])


def test_random_balancing_is_even_in_the_long_run_and_worse_in_the_short():
    asked, run = traffic(250), Run(requests=10_000)
    times = steady((ONE, 0.010))
    random = played(fleet(4, times=times), asked, run)
    least = played(fleet(4, times=times, balancing=Balancing.LEAST_LOADED), asked, run)
    assert random.utilisation == pytest.approx(least.utilisation, rel=0.02)
    assert random.p99 > 1.5 * least.p99


def test_the_same_seed_gives_the_same_run():
    chosen = fleet(3, times={ONE: Spread(0.010, 0.020)})
    asked = traffic(100)
    once, again, other = (played(chosen, asked, Run(2000, seed)) for seed in (1, 1, 2))
    assert once == again
    assert once != other


def test_a_lone_text_that_waits_for_company_leaves_after_the_longest_delay():
    chosen = fleet(times=steady((ONE, 0.010), (EIGHT, 0.012)), max_delay=0.005)
    burst = [(0.0, (64,))] * 8
    record = play(chosen, [*burst, (1.0, (64,)), (1.001, (64,))])
    assert record.latencies[-2:] == pytest.approx([0.017, 0.016])
