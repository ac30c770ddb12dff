from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracedmodel_api.buckets import Bucket
from tracedmodel_runtime.padding import Encoding, PadIds, pad, unpad

NAMES = ("input_ids", "attention_mask", "token_type_ids")
PAD = PadIds(token=99, type=7)
BUCKET = Bucket(3, 4)


@st.composite
def filled_buckets(draw):
    """Texts with segment types, and a bucket that holds them."""
    token = st.integers(0, 30_000)
    lengths = draw(st.lists(st.integers(1, 12), min_size=1, max_size=6))
    texts = []
    for length in lengths:
        same = {"min_size": length, "max_size": length}
        ids = draw(st.lists(token, **same))
        texts.append(Encoding(ids, draw(st.lists(st.integers(0, 1), **same))))
    rows = len(texts) + draw(st.integers(0, 3))
    return texts, Bucket(rows, max(lengths) + draw(st.integers(0, 5)))


@given(filled_buckets())
def test_unpad_returns_of_what_pad_made_each_texts_own_part(filled):
    texts, bucket = filled
    padded = pad(texts, bucket, NAMES, PAD)
    axes = [("batch", "sequence")] * len(padded)
    parts = unpad([array.astype(np.float32) for array in padded], axes, texts)
    assert len(parts) == len(texts)
    for text, (ids, mask, types) in zip(texts, parts, strict=True):
        assert ids.tolist() == text.ids
        assert mask.tolist() == [1] * len(text)
        assert types.tolist() == text.types


@given(filled_buckets())
def test_a_filler_row_has_one_unmasked_token_and_nothing_but_padding(filled):
    texts, bucket = filled
    ids, mask, types = pad(texts, bucket, NAMES, PAD)
    fillers = slice(len(texts), None)
    assert (mask[fillers].sum(axis=1) == 1).all()
    assert (ids[fillers] == PAD.token).all()
    assert (types[fillers] == PAD.type).all()


@given(filled_buckets())
def test_every_input_is_int64_of_the_buckets_shape(filled):
    texts, bucket = filled
    for array in pad(texts, bucket, NAMES, PAD):
        assert array.dtype == np.int64
        assert array.shape == (bucket.batch_size, bucket.sequence_length)


@given(filled_buckets())
def test_what_stands_beyond_a_text_is_padding_that_the_mask_hides(filled):
    texts, bucket = filled
    ids, mask, types = pad(texts, bucket, NAMES, PAD)
    for row, text in enumerate(texts):
        assert (ids[row, len(text) :] == PAD.token).all()
        assert (mask[row, len(text) :] == 0).all()
        assert (types[row, len(text) :] == PAD.type).all()


def test_inputs_come_in_the_order_of_their_names_and_no_others():
    mask, ids = pad([Encoding([5, 6])], Bucket(1, 3), ("attention_mask", "input_ids"), PAD)
    assert mask.tolist() == [[1, 1, 0]]
    assert ids.tolist() == [[5, 6, 99]]


def test_a_text_without_segment_types_is_all_of_the_first_segment():
    (types,) = pad([Encoding([5, 6])], Bucket(1, 3), ("token_type_ids",), PAD)
    assert types.tolist() == [[0, 0, 7]]


def test_a_mask_that_a_caller_gives_stands_as_it_is():
    (mask,) = pad([Encoding([5, 6, 7], mask=[1, 0, 1])], Bucket(1, 4), ("attention_mask",), PAD)
    assert mask.tolist() == [[1, 0, 1, 0]]


def test_a_bucket_without_texts_is_all_filler_rows():
    (mask,) = pad([], BUCKET, ("attention_mask",), PAD)
    assert mask.tolist() == [[1, 0, 0, 0]] * 3


@pytest.mark.parametrize("texts", [[Encoding([1])] * 4, [Encoding([1] * 5)]])
def test_texts_that_do_not_fit_are_refused_with_the_bucket_named(texts):
    with pytest.raises(ValueError, match=r"[14] texts do not fit bucket 3x4"):
        pad(texts, BUCKET, NAMES, PAD)


def test_an_output_without_a_sequence_is_a_row_a_text():
    output = np.arange(6, dtype=np.float32).reshape(3, 2)
    parts = unpad([output], [("batch", "label")], [Encoding([1]), Encoding([1, 2])])
    assert [part.tolist() for (part,) in parts] == [[0, 1], [2, 3]]


def test_the_parts_are_views_of_the_outputs():
    output = np.zeros((1, 4, 2), np.float32)
    ((part,),) = unpad([output], [("batch", "sequence", "label")], [Encoding([1, 2])])
    assert part.shape == (2, 2)
    assert np.shares_memory(part, output)
