from dataclasses import replace

import numpy as np
import pytest

from capacity_plans import EIGHT, ONE, fleet
from tracedmodel_server.capacity.figures import Figures, figures
from tracedmodel_server.capacity.simulate import Batch, Record


def record(latencies, batches=(), ended=10.0):
    arrived = np.linspace(0, 10, len(latencies)).tolist()
    return Record(arrived, list(latencies), list(batches), 0.0, ended)


BATCH = Batch(1.0, 1.0, EIGHT, 64)


def test_load_counts_only_what_ran_while_requests_came():
    batches = [Batch(-1.0, 2.0, ONE, 64), Batch(4.0, 2.0, ONE, 64), Batch(9.0, 5.0, ONE, 64)]
    seen = figures(record([1.0] * 10, batches), fleet(2, 1), 1)
    assert seen.utilisation == pytest.approx((1 + 2 + 1) / 20)


def test_padding_counts_short_texts_and_empty_rows_after_the_warm_up():
    batches = [Batch(-1.0, 1.0, EIGHT, 1), Batch(1.0, 1.0, EIGHT, 100), Batch(2.0, 1.0, ONE, 44)]
    seen = figures(record([1.0] * 10, batches), fleet(), 1)
    assert seen.padding == pytest.approx(1 - 144 / (9 * 64))


def test_throughput_counts_texts_that_were_answered_in_time():
    seen = figures(record([0.5] * 11, [BATCH]), fleet(), 3)
    assert seen.texts_per_second == pytest.approx(10 * 3 / 10)


def test_the_uncertainty_of_p99_comes_from_ten_parts_of_the_run():
    even = figures(record([1.0, 2.0] * 500, [BATCH]), fleet(), 1)
    assert (even.p50, even.p99, even.p99_error) == (1.5, 2.0, 0.0)
    uneven = figures(record([1.0] * 500 + [2.0] * 500, [BATCH]), fleet(), 1)
    # Five parts of 1 and five of 2: standard deviation 0.527, by the root of ten, times Student's t.
    assert uneven.p99_error == pytest.approx(0.377, abs=0.001)


@pytest.mark.parametrize(
    ("busy", "latencies", "growing"),
    [
        (9.9, np.linspace(1, 5, 1000), True),
        (9.9, np.ones(1000), False),
        (5.0, np.linspace(1, 5, 1000), False),
    ],
)
def test_a_queue_grows_where_workers_never_rest_and_who_comes_later_waits_longer(
    busy, latencies, growing
):
    seen = figures(record(latencies, [Batch(0.0, busy, ONE, 64)]), fleet(), 1)
    assert seen.growing is growing


def test_enough_is_in_time_with_no_growth():
    good = Figures(0.01, 0.1, 0.01, 0.5, 0.5, 100.0, growing=False)
    assert good.meets(0.1)
    assert not good.meets(0.099)
    assert not replace(good, growing=True).meets(0.1)
