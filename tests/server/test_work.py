import pytest

from tracedmodel_api.buckets import Bucket
from tracedmodel_server.work import Work


@pytest.fixture
def work():
    work = Work()
    for bucket, cost in ((Bucket(1, 32), 0.010), (Bucket(8, 32), 0.040), (Bucket(8, 128), 0.160)):
        work.learn(bucket, cost)
    return work


def test_a_text_is_as_much_work_as_its_share_of_the_cheapest_full_batch(work):
    assert work.of([20]) == pytest.approx(0.005)
    assert work.of([32]) == pytest.approx(0.005)
    assert work.of([33]) == pytest.approx(0.020)


def test_texts_that_share_no_batch_are_no_more_work_than_those_that_do(work):
    assert work.of([20] * 8) == pytest.approx(8 * work.of([20]))


def test_a_longer_bucket_that_is_cheaper_counts():
    work = Work()
    work.learn(Bucket(1, 32), 0.010)
    work.learn(Bucket(16, 64), 0.080)
    assert work.of([10]) == pytest.approx(0.005)


def test_nothing_is_known_of_texts_that_no_bucket_holds(work):
    assert work.of([129]) == 0
    assert Work().of([1]) == 0
