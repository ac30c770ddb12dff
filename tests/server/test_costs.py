import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracedmodel_api.buckets import Bucket
from tracedmodel_server.costs import Costs

ONE, EIGHT = Bucket(1, 64), Bucket(8, 64)


def test_the_cheapest_plan_mixes_batches():
    costs = Costs({ONE: 1.0, EIGHT: 4.0})
    plans = [costs.of_texts(64, count) for count in (0, 1, 3, 4, 5, 8, 9, 16, 17)]
    assert plans == [0, 1, 3, 4, 4, 4, 5, 8, 9]


def test_a_plan_for_many_texts_goes_on_with_the_cheapest_batch():
    costs = Costs({ONE: 1.0, EIGHT: 4.0})
    assert costs.of_texts(64, 1024) == pytest.approx(512)
    assert costs.of_texts(64, 1025) == pytest.approx(513)


def test_a_bucket_never_costs_more_than_one_that_holds_as_much():
    costs = Costs({ONE: 100.0, EIGHT: 4.0})
    assert costs.of(ONE) == 4.0


def test_the_best_batch_is_the_one_that_costs_least_a_text():
    assert Costs({ONE: 1.0, EIGHT: 4.0}).best_batch(64) == 8
    assert Costs({ONE: 1.0, EIGHT: 9.0}).best_batch(64) == 1


def test_of_equals_the_best_batch_is_the_smaller():
    assert Costs({ONE: 1.0, EIGHT: 8.0}).best_batch(64) == 1


def test_a_length_is_rounded_up_to_that_of_a_bucket():
    costs = Costs({ONE: 1.0, Bucket(1, 128): 2.0})
    assert [costs.length_for(n) for n in (1, 64, 65, 128, 129)] == [64, 64, 128, 128, None]


@given(
    st.dictionaries(
        st.builds(Bucket, st.integers(1, 9), st.integers(1, 4)), st.floats(0.001, 9), min_size=1
    ),
    st.integers(1, 200),
)
def test_one_text_more_never_costs_less(seconds, count):
    costs = Costs(seconds)
    for length in costs.lengths:
        assert costs.of_texts(length, count) <= costs.of_texts(length, count + 1) + 1e-9
