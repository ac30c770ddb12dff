"""Items to encodings; whatever does not fit is named."""

import pytest

from tracedmodel_server.encoder import Encoder, characters
from tracedmodel_server.errors import Invalid
from tracedmodel_server.request import Pair, Text, Tokens

LIMIT = 16


@pytest.fixture(scope="module")
def texts(inside):
    engine = inside("TextClassification").service.engine
    return Encoder(inside("TextClassification").artifact.tokenizer, engine.task, LIMIT, 1000)


@pytest.fixture(scope="module")
def pairs(inside):
    engine = inside("QuestionAnswering").service.engine
    return Encoder(inside("QuestionAnswering").artifact.tokenizer, engine.task, LIMIT, 1000)


def prepare(encoder, *items, truncate=False):
    return encoder.prepare(items, truncate=truncate)


def refused(encoder, *items, truncate=False):
    with pytest.raises(Invalid) as caught:
        prepare(encoder, *items, truncate=truncate)
    return str(caught.value)


def test_a_text_has_its_special_tokens_and_no_padding(texts):
    (one,) = prepare(texts, Text("the river"))
    assert one.encoding.ids[0] == 2
    assert one.encoding.ids[-1] == 3
    assert len(one.encoding) == len(one.found.ids) < LIMIT


def test_a_text_of_the_limit_fits_and_one_token_more_does_not(texts):
    (whole,) = prepare(texts, Text("the " * (LIMIT - 2)))
    assert len(whole.encoding) == LIMIT
    longer = Text("the " * (LIMIT - 1))
    assert "text 1 has 17 tokens, the longest bucket holds 16" in refused(texts, Text("a"), longer)
    (cut,) = prepare(texts, longer, truncate=True)
    assert cut.encoding.ids == whole.encoding.ids


def test_too_many_characters_are_refused_before_they_are_tokenized(texts, pairs):
    assert refused(texts, Text("x" * 1001)) == "text 0 has 1001 characters, allowed are 1000"
    assert "context 0 has 1001" in refused(pairs, Pair("who", "x" * 1001))


def test_only_the_context_of_a_pair_is_cut(pairs):
    (cut,) = prepare(pairs, Pair("who is it", "the " * 30), truncate=True)
    assert len(cut.encoding) == LIMIT
    assert cut.found.sequence_ids.count(0) == 3
    sentence = refused(pairs, Pair("who " * 30, "the river"), truncate=True)
    assert sentence == (
        "the question and the special tokens leave no room for the context: the limit is 16 tokens"
    )


def test_tokens_lose_the_padding_at_their_end_and_nothing_else(texts):
    (one,) = prepare(texts, Tokens((2, 7, 9, 3, 0, 0), (1, 0, 1, 1, 0, 0), (0,) * 6, 6))
    assert one.encoding.ids == (2, 7, 9, 3)
    assert one.encoding.mask == (1, 0, 1, 1)
    assert one.found is None


def test_tokens_that_are_all_padding_or_too_many_are_refused(texts):
    assert "row 0 of attention_mask is all 0" in refused(texts, Tokens((2, 3), (0, 0), (), 2))
    long = Tokens((7,) * 17, (1,) * 17, (), 17)
    assert "row 0 has 17 tokens" in refused(texts, long)
    assert "token tensors are not truncated" in refused(texts, long, truncate=True)


@pytest.mark.parametrize(
    "items", [(Text("a"), Tokens((2,), (1,), (), 1)), (Tokens((2,), (1,), (), 1), Text("a"))]
)
def test_a_request_is_of_one_kind(texts, items):
    assert refused(texts, *items) == "a request has either text or token tensors"


class Refusing:
    """A tokenizer without words."""

    def __init__(self, tokenizer):
        self._tokenizer = tokenizer

    def __getattr__(self, name):
        return getattr(self._tokenizer, name)

    def encode_batch(self, _inputs):
        raise TypeError("no words")

    encode_batch_fast = encode_batch


def test_what_the_tokenizer_refuses_is_told(inside):
    server = inside("TextClassification")
    encoder = Encoder(Refusing(server.artifact.tokenizer), server.service.engine.task, LIMIT, 1000)
    assert refused(encoder, Text("a")) == "the tokenizer refuses the text: no words"


class Silent(Refusing):
    """A tokenizer that finds nothing in any text, as some do in an empty one."""

    def encode_batch(self, inputs):
        return [[] for _ in inputs]

    encode_batch_fast = encode_batch


def test_a_text_without_tokens_is_refused(inside):
    server = inside("TextClassification")
    encoder = Encoder(Silent(server.artifact.tokenizer), server.service.engine.task, LIMIT, 1000)
    assert refused(encoder, Text("")) == "text 0 has no tokens"


def test_an_older_tokenizers_without_the_fast_call_is_used_as_it_is(inside):
    class Older(Refusing):
        def encode_batch(self, inputs):
            return self._tokenizer.encode_batch(inputs)

        encode_batch_fast = None

    server = inside("TextClassification")
    encoder = Encoder(Older(server.artifact.tokenizer), server.service.engine.task, LIMIT, 1000)
    (one,) = prepare(encoder, Text("the river"))
    assert one.encoding.ids[0] == 2


def test_characters_are_those_of_all_texts():
    assert characters([Text("abc"), Text("de")]) == 5
    assert characters([Pair("abc", "de")]) == 5
    assert characters([Tokens((1, 2), (1, 1), (), 2)]) == 0
