import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracedmodel_api.buckets import Bucket, longest

SIZES = st.integers(1, 16)
BUCKETS = st.lists(st.builds(Bucket, SIZES, SIZES), max_size=12)


@given(BUCKETS.filter(bool))
def test_no_text_may_be_longer_than_the_longest_bucket(buckets):
    assert any(bucket.holds(1, longest(buckets)) for bucket in buckets)
    assert not any(bucket.holds(1, longest(buckets) + 1) for bucket in buckets)


@given(st.builds(Bucket, SIZES, SIZES), SIZES, SIZES)
def test_a_bucket_holds_as_many_rows_and_as_long_ones_as_it_says(bucket, rows, length):
    fits = rows <= bucket.batch_size and length <= bucket.sequence_length
    assert bucket.holds(rows, length) is fits


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
