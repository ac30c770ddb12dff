from __future__ import annotations

import pytest
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

from tracedmodel_runtime.pieces import PieceTokenizer

IDS = {"</s>": 0, "<unk>": 1, "▁good": 2, "▁day": 3, ">>de<<": 4, "ß": 5, "<pad>": 6}


@pytest.fixture
def tokenizer():
    source = Tokenizer(
        models.Unigram([("?", 0.0), ("▁good", -1.0), ("▁day", -1.0), ("▁bye", -2.0)], unk_id=0)
    )
    source.pre_tokenizer = pre_tokenizers.Metaspace()
    target = Tokenizer(models.WordLevel(IDS, unk_token="<unk>"))
    target.add_special_tokens([AddedToken(w, special=True) for w in ("</s>", "<unk>", "<pad>")])
    return PieceTokenizer(source, target, 0)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("good day", [2, 3, 0]),
        ("", [0]),
        ("good bye", [2, 1, 0]),
        (">>de<< good", [4, 2, 0]),
        (">>de<<", [4, 0]),
        (">>any\nthing<< good", [1, 2, 0]),
        ("good</s>day", [2, 0, 3, 0]),
        ("good</s>>>de<< day", [2, 0, 4, 3, 0]),
        ("<pad><pad>", [6, 6, 0]),
    ],
)
def test_a_text_is_its_code_and_special_tokens_and_the_pieces_between(text, ids, tokenizer):
    assert tokenizer.encode([text]) == [ids]


def test_what_no_piece_covers_is_looked_up_as_it_is_spelled(tokenizer):
    (known,) = tokenizer.encode(["good ß"])
    (unknown,) = tokenizer.encode(["good %"])
    assert known[0] == unknown[0] == 2
    assert unknown[1:] == [1, 0]
    assert tokenizer.id_of("ß") == 5


def test_texts_are_read_in_their_order(tokenizer):
    alone = [tokenizer.encode([text])[0] for text in ("day", "", "good</s>good")]
    assert tokenizer.encode(["day", "", "good</s>good"]) == alone
