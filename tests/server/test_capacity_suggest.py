import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracedmodel_api.report import Failure
from tracedmodel_server.capacity.suggest import average_cost, best_lengths


def tried(shares, most, cost, multiple_of, longest):
    """Return the least cost of all sets of lengths that are allowed, and the fewest lengths that have it."""
    allowed = [n for n in range(8, longest + 1) if n % multiple_of == 0 or n == longest]
    sets = (
        chosen
        for count in range(1, most + 1)
        for chosen in itertools.combinations(allowed, count)
        if chosen[-1] >= max(shares)
    )
    return min((round(average_cost(shares, chosen, cost), 9), len(chosen)) for chosen in sets)


@given(
    weights=st.dictionaries(st.integers(1, 20), st.integers(1, 9), min_size=1, max_size=6),
    most=st.integers(1, 4),
    multiple_of=st.sampled_from([1, 3, 4, 8]),
    fixed=st.sampled_from([0, 10, 50]),
)
def test_no_other_lengths_cost_less(weights, most, multiple_of, fixed):
    shares = {tokens: weight / sum(weights.values()) for tokens, weight in weights.items()}

    def cost(length):
        return fixed + length + length**2 / 100

    found = best_lengths(shares, most, cost, multiple_of, longest=20)
    assert len(found.lengths) <= most
    assert found.cost == pytest.approx(average_cost(shares, found.lengths, cost))
    assert (round(found.cost, 9), len(found.lengths)) == tried(shares, most, cost, multiple_of, 20)


def test_where_there_are_enough_every_length_has_its_own():
    found = best_lengths({10: 0.5, 30: 0.25, 64: 0.25}, 8, float, 1, 128)
    assert (found.lengths, found.cost) == ((10, 30, 64), 10 * 0.5 + 30 * 0.25 + 64 * 0.25)


def test_lengths_are_multiples_but_for_the_longest_allowed_and_none_is_below_8():
    assert best_lengths({3: 0.5, 99: 0.5}, 4, float, 8, 100).lengths == (8, 100)
    assert best_lengths({3: 0.5, 99: 0.5}, 4, float, 1, 100).lengths == (8, 99)


def test_one_bucket_holds_the_longest():
    assert best_lengths({8: 0.99, 64: 0.01}, 1, float, 8, 128).lengths == (64,)


def test_no_more_buckets_than_help():
    assert best_lengths({8: 0.5, 16: 0.5}, 4, lambda _: 1.0, 8, 128).lengths == (16,)


def test_a_text_that_no_bucket_may_hold_is_told():
    with pytest.raises(Failure, match="texts of 300 tokens, and no bucket may be longer than 128"):
        best_lengths({300: 1.0}, 4, float, 8, 128)


def test_four_thousand_lengths_are_no_matter():
    shares = dict.fromkeys(range(1, 4097), 1 / 4096)
    found = best_lengths(shares, 4, float, 8, 4096)
    assert found.lengths == (1024, 2048, 3072, 4096)
