from __future__ import annotations

import numpy as np
import pytest

from tracedmodel_api.buckets import Bucket
from tracedmodel_api.generation import Generation
from tracedmodel_api.manifest import FORMAT_VERSION, ModelCard, TensorSpec
from tracedmodel_api.report import Failure
from tracedmodel_api.types import Task
from tracedmodel_runtime.golden_translation import TranslationRecording, compare, record
from tracedmodel_runtime.padding import Encoding
from tracedmodel_runtime.translator import Translator

EOS, START, WORDS, SIZE = 0, 1, 12, 4
BUCKET = Bucket(2, 6, 8, 2)
CARD = ModelCard(
    format_version=FORMAT_VERSION,
    task=Task.TRANSLATION,
    architecture="Any",
    inputs=("input_ids", "attention_mask"),
    pad_token_id=START,
    pad_type_id=0,
    max_length=64,
    generation=Generation(
        start_token_id=START, eos_token_ids=(EOS,), pad_token_id=START, banned_token_ids=(START,)
    ),
)
BATCHES = (
    (Encoding([2, 3, 4, 5, 6, 7]), Encoding([8, 0])),
    (Encoding([9, 10, 0]),),
    (Encoding([4, 0]), Encoding([11, 3, 2, 0])),
)


def spec(name, shape, axes):
    return TensorSpec(name=name, dtype="float32", shape=shape, axes=axes)


HIDDEN = spec("hidden_states", (2, 6, SIZE), ("batch", "sequence", "embedding"))
LOGITS = spec("logits", (4, WORDS), ("beam", "vocabulary"))
SPECS = (HIDDEN, LOGITS)


class Graphs:
    """A model of two tables: words to hidden states, and what was heard and said last to logits."""

    def __init__(self, bucket=BUCKET):
        draw = np.random.default_rng(3)
        self.words = draw.standard_normal((WORDS, SIZE)).astype(np.float32)
        self.next = draw.standard_normal((WORDS, SIZE, WORDS)).astype(np.float32)
        self.translator = Translator(self.encode, self.decode, bucket, CARD)
        self.beam = 0.0
        self.calls = 0

    def encode(self, inputs):
        ids, _mask = inputs
        return (self.words[ids],)

    def decode(self, inputs):
        self.calls += 1
        rows, mask, hidden, place = inputs
        heard = (hidden * mask[..., None]).sum(axis=1)
        last = rows[:, int(place)]
        logits = np.einsum("rs,rsw->rw", heard, self.next[last]) + 0.3 * place * (
            np.arange(WORDS) == EOS
        )
        logits[1::2, 2] += self.beam
        return (logits.astype(np.float32),)


class Eager(Graphs):
    """The same, asked as the exporter asks."""

    def hidden(self, batch):
        return self.translator.read(batch).hidden

    def translate(self, batch):
        found = self.translator.translate(self.translator.read(batch))
        return [answers[0].tokens for answers in found]

    def logits(self, batch, answers, places):
        read = self.translator.read(batch)
        lines = [self.translator.logits(read, answers, place)[:, 0] for place in places]
        return np.stack(lines, axis=1)


@pytest.fixture(scope="module")
def recording():
    return record(BATCHES, SPECS, Eager(), 0)


def test_a_golden_file_gives_back_texts_answers_and_samples(recording):
    parsed = TranslationRecording.parse(recording.to_bytes())
    assert parsed.to_bytes() == recording.to_bytes()
    assert [[list(row.ids) for row in batch] for batch in parsed.batches] == [
        [list(row.ids) for row in batch] for batch in BATCHES
    ]
    ends = [row.ids[-1] for batch in parsed.answers.batches for row in batch]
    assert EOS in ends


def test_the_same_model_has_no_error_and_gives_every_answer(recording):
    proof = compare(TranslationRecording.parse(recording.to_bytes()), SPECS, Graphs().translator)
    assert [error.output for error in proof.errors] == ["hidden_states", "logits"]
    assert (proof.worst_error(), proof.agreement, proof.samples) == (0, 1, 5)


def test_other_hidden_states_are_an_error(recording):
    graphs = Graphs()
    graphs.words[4] += 0.5
    proof = compare(recording, SPECS, graphs.translator)
    assert proof.errors[0].max_absolute_error == pytest.approx(0.5)


def test_other_logits_are_an_error(recording):
    graphs = Graphs()
    graphs.next[START, :, 5] += 0.5
    proof = compare(recording, SPECS, graphs.translator)
    assert proof.errors[0].max_absolute_error == 0
    assert proof.errors[1].max_absolute_error > 0.1


def test_a_beam_that_is_wrong_is_an_error_though_the_others_are_right(recording):
    graphs = Graphs()
    graphs.beam = 0.25
    proof = compare(recording, SPECS, graphs.translator)
    assert proof.errors[1].max_absolute_error == pytest.approx(0.25)


def test_agreement_is_the_share_of_texts_with_the_same_answer(recording):
    graphs = Graphs()
    graphs.next[START, :, 5] += 20
    proof = compare(recording, SPECS, graphs.translator)
    same = sum(
        answers[0].tokens == tuple(text.ids)
        for batch, own in zip(BATCHES, recording.answers.batches, strict=True)
        for answers, text in zip(
            graphs.translator.translate(graphs.translator.read(batch)), own, strict=True
        )
    )
    assert proof.agreement == same / 5 < 1


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_nan_or_infinity_is_not_finite(recording, wrong):
    for table, what in (("words", "hidden_states"), ("next", "logits")):
        graphs = Graphs()
        getattr(graphs, table)[2 if table == "words" else START, 0] = wrong
        with pytest.raises(Failure, match="NaN or infinity") as caught, np.errstate(all="ignore"):
            compare(recording, SPECS, graphs.translator)
        assert caught.value.reason.name == "NotFinite", what


def test_an_eager_model_whose_logits_are_nan_is_not_recorded():
    eager = Eager()
    eager.logits = lambda *_: np.full((2, 1, WORDS), np.nan)
    with pytest.raises(Failure, match="output logits has NaN") as caught:
        record(BATCHES, SPECS, eager, 0)
    assert caught.value.reason.name == "NotFinite"


class Constant:
    """An eager model of any size that costs no memory."""

    def __init__(self, rows, length, vocabulary, answer):
        self._hidden = np.broadcast_to(np.float32(0.5), (rows, length, 1024))
        self._vocabulary, self._answer = vocabulary, answer

    def hidden(self, _batch):
        return self._hidden

    def translate(self, batch):
        return [range(self._answer)] * len(batch)

    def logits(self, batch, _answers, places):
        return np.broadcast_to(np.float32(0.5), (len(batch), len(places), self._vocabulary))


def test_the_golden_file_of_a_large_bucket_is_below_8_mb():
    rows, length = 256, 2048
    hidden = spec("hidden_states", (rows, length, 1024), ("batch", "sequence", "embedding"))
    logits = spec("logits", (rows * 4, 60_000), ("beam", "vocabulary"))
    batches = [[Encoding(range(length))] * rows, [Encoding([1])] * 8]
    recording = record(batches, (hidden, logits), Constant(rows, length, 60_000, 512), 0)
    assert len(recording.to_bytes()) < 8 * 2**20


def test_a_bucket_without_beams_is_not_for_translation():
    with pytest.raises(ValueError, match="not for translation"):
        Translator(lambda _: (), lambda _: (), Bucket(2, 6), CARD)


def test_a_short_batch_is_translated_as_a_full_one():
    graphs = Graphs()
    together = graphs.translator.translate(graphs.translator.read(BATCHES[0]))
    alone = [graphs.translator.translate(graphs.translator.read([text]))[0] for text in BATCHES[0]]
    assert [found[0].tokens for found in together] == [found[0].tokens for found in alone]


def test_the_decoder_stops_when_every_answer_is_there():
    graphs = Graphs(Bucket(2, 6, 60, 2))
    graphs.translator.translate(graphs.translator.read(BATCHES[0]))
    assert graphs.calls < 59
