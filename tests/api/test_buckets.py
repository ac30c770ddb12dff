import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracedmodel_api.buckets import Bucket, longest, pick

SIZES = st.integers(1, 16)
BUCKETS = st.lists(st.builds(Bucket, SIZES, SIZES), max_size=12)


@given(BUCKETS, SIZES, SIZES)
def test_picks_the_fewest_cells_and_of_equals_the_shortest(buckets, rows, length):
    best = None
    for bucket in buckets:
        if bucket.batch_size < rows or bucket.sequence_length < length:
            continue
        rank = (bucket.batch_size * bucket.sequence_length, bucket.sequence_length)
        if best is None or rank < (best.batch_size * best.sequence_length, best.sequence_length):
            best = bucket
    assert pick(buckets, rows, length) == best


@given(BUCKETS, SIZES, SIZES)
def test_what_is_picked_holds_the_texts_and_nothing_is_picked_only_if_nothing_does(
    buckets, rows, length
):
    chosen = pick(buckets, rows, length)
    assert any(bucket.holds(rows, length) for bucket in buckets) == (chosen is not None)
    assert chosen is None or (chosen in buckets and chosen.holds(rows, length))


@given(BUCKETS, SIZES, SIZES, st.randoms())
def test_order_of_buckets_changes_no_pick(buckets, rows, length, random):
    shuffled = random.sample(buckets, len(buckets))
    assert pick(shuffled, rows, length) == pick(buckets, rows, length)


@given(BUCKETS, SIZES, SIZES)
def test_a_smaller_need_never_gets_a_larger_bucket(buckets, rows, length):
    needed, less = pick(buckets, rows, length), pick(buckets, max(rows - 1, 1), length)
    if needed is not None:
        assert less.batch_size * less.sequence_length <= needed.batch_size * needed.sequence_length


@given(BUCKETS.filter(bool))
def test_no_text_may_be_longer_than_the_longest_bucket(buckets):
    assert pick(buckets, 1, longest(buckets)) is not None
    assert pick(buckets, 1, longest(buckets) + 1) is None


@pytest.mark.parametrize(
    ("bucket", "text", "document"),
    [
        (Bucket(1, 128), "1x128", {"batchSize": 1, "sequenceLength": 128}),
        (
            Bucket(2, 64, 32, 4),
            "2x64x32x4",
            {"batchSize": 2, "sequenceLength": 64, "targetLength": 32, "beams": 4},
        ),
    ],
)
def test_spells_a_bucket(bucket, text, document):
    assert (str(bucket), bucket.as_json()) == (text, document)
