from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers

from tracedmodel_api.buckets import Bucket
from tracedmodel_api.manifest import FORMAT_VERSION, ModelCard
from tracedmodel_api.report import Failure
from tracedmodel_api.types import Task
from tracedmodel_exporter.goldens import golden_batches
from tracedmodel_runtime.golden import Recording
from tracedmodel_runtime.padding import Encoding

KINDS = [(family, task) for family in ("bert", "roberta") for task in Task if task != "Translation"]
MASKS = {"bert": "[MASK]", "roberta": "<mask>"}


def card(task, mask=None):
    return ModelCard(
        format_version=FORMAT_VERSION,
        task=task,
        architecture="Any",
        inputs=("input_ids", "attention_mask"),
        pad_token_id=0,
        pad_type_id=0,
        max_length=4096,
        mask_token=mask,
    )


@pytest.fixture
def tokenizer(model):
    """The tokenizers of the tiny models, by family."""
    return lambda family: Tokenizer.from_file(str(model(family) / "tokenizer.json"))


def made(tokenizer, family, task, bucket, **seed):
    mask = MASKS[family] if task is Task.FILL_MASK else None
    return golden_batches(tokenizer(family), card(task, mask), bucket, **seed)


fixture_is_read_only = settings(deadline=None, max_examples=15)
shapes = st.builds(Bucket, st.integers(1, 20), st.integers(8, 80))


@pytest.mark.parametrize(("family", "task"), KINDS)
def test_golden_texts_fill_the_bucket_once_and_never_exceed_it(family, task, tokenizer):
    @fixture_is_read_only
    @given(shapes)
    def check(bucket):
        batches = made(tokenizer, family, task, bucket)
        assert [len(row) for row in batches[0]] == [bucket.sequence_length] * bucket.batch_size
        assert sum(map(len, batches)) >= 8
        for batch in batches:
            assert 1 <= len(batch) <= bucket.batch_size
            assert all(1 <= len(row) <= bucket.sequence_length for row in batch)
        lengths = {len(row) for batch in batches[1:] for row in batch}
        assert min(lengths) < bucket.sequence_length
        if bucket.batch_size > 1:
            assert any(len(batch) < bucket.batch_size for batch in batches)

    check()


@pytest.mark.parametrize(("family", "task"), KINDS)
def test_golden_texts_are_the_same_for_the_same_seed(family, task, tokenizer):
    bucket = Bucket(4, 24)
    first, again = (made(tokenizer, family, task, bucket) for _ in range(2))
    assert first == again
    assert made(tokenizer, family, task, bucket, seed=1) != first


@pytest.mark.parametrize("family", MASKS)
def test_every_text_of_fill_mask_has_one_mask_token(family, tokenizer):
    mask = tokenizer(family).token_to_id(MASKS[family])

    @fixture_is_read_only
    @given(shapes)
    def check(bucket):
        for batch in made(tokenizer, family, Task.FILL_MASK, bucket):
            assert all(list(row.ids).count(mask) == 1 for row in batch)

    check()


def test_a_pair_has_a_question_and_a_context_of_at_least_a_token_each(tokenizer):
    @fixture_is_read_only
    @given(shapes)
    def check(bucket):
        for batch in made(tokenizer, "bert", Task.QUESTION_ANSWERING, bucket):
            for row in batch:
                # [CLS] and [SEP] are of the first segment, the last [SEP] of the second.
                assert list(row.types) == sorted(row.types)
                assert row.types.count(0) >= 3
                assert row.types.count(1) >= 2

    check()


def test_a_pair_of_a_tokenizer_without_segments_has_its_separators(tokenizer):
    separator = tokenizer("roberta").token_to_id("</s>")
    for batch in made(tokenizer, "roberta", Task.QUESTION_ANSWERING, Bucket(4, 24)):
        for row in batch:
            first = row.ids.index(separator)
            assert first >= 2
            assert row.ids[first + 1] == separator
            assert row.ids[first + 2] != separator
            assert row.ids[-1] == separator


def test_texts_are_real_tokens_that_differ_from_row_to_row(tokenizer):
    batches = made(tokenizer, "bert", Task.TEXT_CLASSIFICATION, Bucket(8, 64))
    rows = [tuple(row.ids) for row in batches[0]]
    assert len(set(rows)) == 8
    assert len({token for row in rows for token in row}) > 100


@pytest.mark.parametrize("bucket", [Bucket(256, 4096), Bucket(1, 4096), Bucket(256, 8)], ids=str)
def test_the_golden_texts_of_a_large_bucket_fit_their_file(bucket, monkeypatch, tokenizer):
    def text(_self, length):
        return Encoding([1] * length, [0] * length)

    monkeypatch.setattr("tracedmodel_exporter.goldens._Writer.encode", text)
    batches = made(tokenizer, "bert", Task.TEXT_CLASSIFICATION, bucket)
    assert [len(row) for row in batches[0]] == [bucket.sequence_length] * bucket.batch_size
    assert len(batches) >= 2
    # Of the file's 8 MB at most two outputs take a MiB of samples each.
    recording = Recording(tuple(map(tuple, batches)), ())
    assert len(recording.to_bytes()) < 6 * 2**20


def test_a_bucket_that_is_too_short_for_a_text_is_refused(tokenizer):
    with pytest.raises(Failure, match="bucket 2x2: the shortest text takes 3 tokens") as caught:
        made(tokenizer, "bert", Task.TEXT_CLASSIFICATION, Bucket(2, 2))
    assert caught.value.reason.name == "InvalidRequest"


def test_the_shortest_bucket_has_the_shortest_text_alone(tokenizer):
    batches = made(tokenizer, "bert", Task.FILL_MASK, Bucket(1, 3))
    mask = tokenizer("bert").token_to_id("[MASK]")
    assert {tuple(row.ids) for batch in batches for row in batch} == {(2, mask, 3)}


def test_a_tokenizer_of_special_tokens_alone_is_refused():
    bare = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    bare.add_special_tokens(["[UNK]"])
    with pytest.raises(Failure, match="no words beside special tokens") as caught:
        golden_batches(bare, card(Task.TEXT_CLASSIFICATION), Bucket(1, 8))
    assert caught.value.reason.name == "InvalidModelFiles"


def test_a_tokenizer_that_does_not_read_its_own_words_is_refused():
    mute = Tokenizer(models.WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))
    mute.normalizer = normalizers.Replace("a", "")
    mute.add_special_tokens(["[UNK]"])
    mute.normalizer = normalizers.Sequence([normalizers.Replace("a", ""), normalizers.Strip()])
    with pytest.raises(Failure, match="no tokens of its own words") as caught:
        golden_batches(mute, card(Task.TEXT_CLASSIFICATION), Bucket(1, 8))
    assert caught.value.reason.name == "InvalidModelFiles"


def test_draws_do_not_touch_the_process_wide_generator(tokenizer):
    np.random.seed(3)  # noqa: NPY002  # the generator that must be left alone
    expected = np.random.random()  # noqa: NPY002
    np.random.seed(3)  # noqa: NPY002
    made(tokenizer, "bert", Task.FILL_MASK, Bucket(2, 16))
    assert np.random.random() == expected  # noqa: NPY002
