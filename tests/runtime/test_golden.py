from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracedmodel_api.manifest import TensorSpec
from tracedmodel_api.report import Failure
from tracedmodel_runtime.golden import MAX_COLUMNS, Recording, compare, record
from tracedmodel_runtime.padding import Encoding

LENGTH = 6
ROWS = 4
BATCHES = (
    (Encoding([1, 2, 3, 4, 5, 6], [0, 0, 0, 1, 1, 1]), Encoding([7, 8], [0, 0])),
    (Encoding([9, 10, 11], [0, 1, 1]),),
    (
        Encoding([12] * 6, [0] * 6),
        Encoding([13], [0]),
        Encoding([14] * 5, [0] * 5),
        Encoding([15] * 4, [1] * 4),
    ),
)
REAL_TOKENS = sum(len(text) for batch in BATCHES for text in batch)
MOST_BYTES = 8 * 2**20


def spec(*axes, size=3, name="output", rows=ROWS, length=LENGTH):
    sizes = {"batch": rows, "sequence": length}
    shape = tuple(sizes.get(axis, size) for axis in axes)
    return TensorSpec(name=name, dtype="float32", shape=shape, axes=axes)


LABELS = spec("batch", "label")
TAGS = spec("batch", "sequence", "label", name="tags")
SPAN = spec("batch", "sequence", name="span")
WORDS = spec("batch", "sequence", "vocabulary", size=1000, name="words")
EMBEDDING = spec("batch", "embedding", size=8)
ALL = (LABELS, TAGS, SPAN, WORDS)


def model(specs, change=None, batches=BATCHES):
    """A run function whose outputs are random but the same every time, changed by ``change(outputs, number)``."""

    def run(batch):
        number = next(n for n, known in enumerate(batches) if list(known) == list(batch))
        draw = np.random.default_rng(number)
        outputs = [draw.standard_normal(one.shape).astype(np.float32) for one in specs]
        if change is not None:
            change(outputs, number)
        return outputs

    return run


def recorded(*specs, seed=0, batches=BATCHES):
    return record(batches, specs, model(specs, batches=batches), seed)


@given(
    st.lists(
        st.lists(st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=LENGTH), max_size=ROWS),
        min_size=1,
        max_size=4,
    )
)
def test_a_golden_file_gives_back_every_text_in_its_batch(batches):
    encodings = tuple(
        tuple(Encoding(ids, [len(ids) % 2] * len(ids)) for ids in batch) for batch in batches
    )
    parsed = Recording.parse(Recording(encodings, ()).to_bytes())
    assert parsed.batches == encodings


def test_a_golden_file_gives_back_every_sample():
    recording = recorded(*ALL)
    parsed = Recording.parse(recording.to_bytes())
    assert parsed.batches == BATCHES
    for found, expected in zip(parsed.samples, recording.samples, strict=True):
        for name in ("where", "columns", "values", "top"):
            assert np.array_equal(getattr(found, name), getattr(expected, name))
            assert getattr(found, name).dtype == getattr(expected, name).dtype
    assert parsed.to_bytes() == recording.to_bytes()


def test_a_text_without_segment_types_is_read_back_as_all_of_the_first():
    recording = Recording(((Encoding([5, 6]),),), ())
    assert Recording.parse(recording.to_bytes()).batches == ((Encoding([5, 6], [0, 0]),),)


def test_the_same_model_has_no_error_and_agrees_everywhere():
    recording = Recording.parse(recorded(*ALL).to_bytes())
    proof = compare(recording, ALL, model(ALL))
    assert [error.output for error in proof.errors] == ["output", "tags", "span", "words"]
    assert proof.worst_error() == 0
    assert proof.agreement == 1
    texts = sum(map(len, BATCHES))
    assert proof.samples == texts + REAL_TOKENS + texts + REAL_TOKENS


def test_the_error_is_the_largest_difference_and_the_reference_the_largest_answer():
    def change(outputs, number):
        outputs[0][0, 1] += np.float32(0.25) if number == 1 else 0

    def clear(outputs, number):
        outputs[0][...] = [-3.5, 1, 2]
        if number == 1:
            outputs[0][0, 1] += np.float32(0.25)

    recording = record(BATCHES, [LABELS], model([LABELS], lambda o, _n: clear(o, 0)), 0)
    proof = compare(recording, [LABELS], model([LABELS], clear))
    assert proof.errors[0].max_absolute_error == 0.25
    assert proof.errors[0].max_absolute_reference == 3.5
    proof = compare(recorded(*ALL), ALL, model(ALL, change))
    assert [error.max_absolute_error > 0 for error in proof.errors] == [True, False, False, False]


def test_agreement_is_the_share_of_answers_whose_largest_value_is_the_same():
    def turn(outputs, number):
        outputs[0][...] = [1, 2, 3]
        if number == 2:
            outputs[0][1] = [3, 2, 1]

    def still(outputs, _number):
        outputs[0][...] = [1, 2, 3]

    recording = record(BATCHES, [LABELS], model([LABELS], still), 0)
    proof = compare(recording, [LABELS], model([LABELS], turn))
    assert proof.samples == 7
    assert proof.agreement == pytest.approx(6 / 7)


def test_agreement_over_a_vocabulary_looks_at_all_of_it_not_at_the_sampled_columns():
    recording = recorded(WORDS)
    outside = next(n for n in range(1000) if n not in set(recording.samples[0].columns.tolist()))
    assert len(recording.samples[0].columns) == MAX_COLUMNS

    def change(outputs, _number):
        outputs[0][..., outside] = 100

    proof = compare(recording, [WORDS], model([WORDS], change))
    assert proof.worst_error() == 0
    assert proof.agreement == 0


def test_a_span_is_judged_at_every_real_token_and_at_no_other():
    def beyond(outputs, number):
        for row in range(ROWS):
            length = len(BATCHES[number][row]) if row < len(BATCHES[number]) else 0
            outputs[0][row, length:] = 1e9

    def last(outputs, _number):
        outputs[0][0, 0] += 0.5

    recording = recorded(SPAN)
    assert compare(recording, [SPAN], model([SPAN], beyond)).worst_error() == 0
    assert compare(recording, [SPAN], model([SPAN], beyond)).agreement == 1
    assert compare(recording, [SPAN], model([SPAN], last)).worst_error() == pytest.approx(0.5)


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.name)
@pytest.mark.parametrize("wrong", [1e9, np.nan, np.inf])
def test_filler_rows_and_padding_tokens_are_not_judged(one, wrong):
    def change(outputs, number):
        batch = BATCHES[number]
        outputs[0][len(batch) :] = wrong
        if "sequence" in one.axes:
            for row, text in enumerate(batch):
                outputs[0][row, len(text) :] = wrong

    proof = compare(recorded(one), [one], model([one], change))
    assert proof.worst_error() == 0
    assert proof.agreement == 1


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.name)
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_nan_or_infinity_at_a_real_token_is_not_finite(one, wrong):
    def change(outputs, number):
        if number == 1:
            outputs[0][0].flat[-1 if one is LABELS else 0] = wrong

    with pytest.raises(Failure, match=f"output {one.name} has NaN or infinity") as caught:
        compare(recorded(one), [one], model([one], change))
    assert caught.value.reason.name == "NotFinite"


def test_nan_is_seen_where_the_vocabulary_is_not_sampled():
    recording = recorded(WORDS)
    outside = next(n for n in range(1000) if n not in set(recording.samples[0].columns.tolist()))

    def change(outputs, _number):
        outputs[0][0, 0, outside] = np.nan

    with pytest.raises(Failure, match="NaN"):
        compare(recording, [WORDS], model([WORDS], change))


def test_an_eager_model_that_answers_nan_is_not_recorded():
    def change(outputs, _number):
        outputs[0][0, 0] = np.nan

    with pytest.raises(Failure, match="NaN") as caught:
        record(BATCHES, [LABELS], model([LABELS], change), 0)
    assert caught.value.reason.name == "NotFinite"


def test_the_same_seed_samples_the_same_places_and_another_seed_others():
    first, again, other = (recorded(WORDS, seed=seed) for seed in (1, 1, 2))
    assert first.to_bytes() == again.to_bytes()
    assert not np.array_equal(first.samples[0].columns, other.samples[0].columns)


def by_length(specs):
    """Outputs that cost no memory, however large: one value, seen at every place."""
    value = np.float32(0.5)
    return lambda _batch: [np.broadcast_to(value, one.shape) for one in specs]


@pytest.mark.parametrize(
    "specs",
    [
        [spec("batch", "sequence", "label", size=2, rows=256, length=4096)],
        [spec("batch", "sequence", "label", size=1, rows=256, length=4096)],
        [spec("batch", "sequence", rows=256, length=4096, name=n) for n in ("start", "end")],
        [spec("batch", "embedding", size=4096, rows=256)],
    ],
    ids=["tags", "one tag", "span", "embedding"],
)
def test_the_golden_file_of_the_largest_bucket_is_below_8_mb(specs):
    ids = list(range(4096))
    batch = [Encoding(ids, [0] * 4096)] * 256
    recording = record([batch, [Encoding([1])]], specs, by_length(specs), 0)
    assert len(recording.to_bytes()) < MOST_BYTES


def test_samples_of_a_large_vocabulary_are_below_8_mb():
    words = spec("batch", "sequence", "vocabulary", size=50_000, rows=2, length=2048)
    batch = [Encoding(list(range(2048)), [0] * 2048)] * 2
    recording = record([batch], [words], by_length([words]), 0)
    assert recording.samples[0].values.shape[1] == MAX_COLUMNS
    assert recording.samples[0].values.size <= 2**18
    assert len(recording.to_bytes()) < MOST_BYTES


def test_samples_are_spread_over_all_batches_where_not_all_places_fit(monkeypatch):
    monkeypatch.setattr("tracedmodel_runtime.golden.MAX_SAMPLE_VALUES", 100)
    places = recorded(TAGS).samples[0].where
    assert len(places) == 100 // (3 + 3 + 1)
    assert len(np.unique(places, axis=0)) == len(places)
    proof = compare(recorded(TAGS), [TAGS], model([TAGS]))
    assert proof.samples == len(places)
    assert proof.worst_error() == 0


TURN = np.linalg.qr(np.random.default_rng(5).standard_normal((8, 8)))[0].astype(np.float32)


def test_embeddings_agree_while_each_has_the_same_nearest_other_one():
    def turned(outputs, _number):
        outputs[0][...] = outputs[0] @ TURN

    proof = compare(recorded(EMBEDDING), [EMBEDDING], model([EMBEDDING], turned))
    assert proof.worst_error() > 0.1
    assert proof.agreement == 1


def test_embeddings_that_change_their_neighbours_do_not_agree():
    def scrambled(outputs, number):
        outputs[0][...] = np.random.default_rng(100 + number).standard_normal(outputs[0].shape)

    proof = compare(recorded(EMBEDDING), [EMBEDDING], model([EMBEDDING], scrambled))
    assert proof.agreement < 0.9
    assert proof.samples == 7


@settings(max_examples=25)
@given(st.permutations(range(5)), st.integers(0, 2**32 - 1))
def test_texts_that_are_equal_are_each_others_neighbours_whichever_is_found_first(order, seed):
    """Of three equal texts any is nearest; rounding decides which, and must not count."""
    base = np.random.default_rng(seed).standard_normal((3, 8)).astype(np.float32)
    rows = base[[0, 0, 0, 1, 2]][list(order)]
    noise = 1e-7 * np.random.default_rng(seed + 1).standard_normal(rows.shape)
    one = spec("batch", "embedding", size=8, rows=5)
    batch = [Encoding([n + 1]) for n in range(5)]
    recording = record([batch], [one], lambda _b: [rows], 0)
    proof = compare(recording, [one], lambda _b: [(rows + noise).astype(np.float32)])
    assert proof.agreement == 1


def test_one_embedding_alone_agrees_with_itself():
    one = spec("batch", "embedding", size=8, rows=1)
    run = by_length([one])
    assert compare(record([[Encoding([1])]], [one], run, 0), [one], run).agreement == 1
