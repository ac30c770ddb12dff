from __future__ import annotations

import json

import pytest
from tokenizers import Tokenizer

from exports import a_request, run
from tracedmodel_api.report import Failure
from tracedmodel_exporter.tokens import plain, read_tokenizer

pytestmark = pytest.mark.transformers


def refusal(folder):
    with pytest.raises(Failure) as caught:
        read_tokenizer(folder)
    return caught.value.reason.name, str(caught.value)


def settings(folder, **changes):
    path = folder / "tokenizer_config.json"
    document = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in document.items() if v is not None}))


def test_a_source_without_a_tokenizer_is_refused(copied):
    folder = copied()
    (folder / "tokenizer.json").unlink()
    assert refusal(folder) == (
        "TokenizerNotFound",
        "the source has no tokenizer.json, and of other tokenizers none",
    )


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (("vocab.txt", "vocab.json", "merges.txt"), "vocab.txt, vocab.json and merges.txt"),
        (("vocab.txt", "spiece.model"), "vocab.txt, spiece.model"),
        (("source.spm", "target.spm"), "source.spm, target.spm"),
    ],
)
def test_a_source_with_two_slow_tokenizers_is_refused_with_both_named(files, found, copied):
    folder = copied()
    (folder / "tokenizer.json").unlink()
    for name in files:
        (folder / name).write_text("[UNK]")
    reason, message = refusal(folder)
    assert reason == "TokenizerNotFound"
    assert message.endswith(f"and of other tokenizers more than one: {found}")


def test_one_slow_tokenizer_is_read_in_its_fast_form(copied):
    folder = copied()
    words = Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab()
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.txt").write_text("\n".join(sorted(words, key=words.get)))
    settings(folder, tokenizer_class="BertTokenizer")
    tokenizer = plain(read_tokenizer(folder))
    assert tokenizer.encode("the river").ids == [2, words["the"], words["river"], 3]


def test_a_tokenizer_without_a_padding_token_is_refused(copied):
    folder = copied()
    settings(folder, pad_token=None)
    reason, message = refusal(folder)
    assert reason == "TokenizerNotFound"
    assert "has no padding token" in message


def test_a_tokenizer_without_a_mask_token_cannot_fill_masks(copied, store):
    folder = copied("bert", "FillMask")
    settings(folder, mask_token=None)
    with pytest.raises(Failure, match="has no mask token, which task FillMask needs") as caught:
        run(a_request(folder, store, "FillMask"))
    assert caught.value.reason.name == "TokenizerNotFound"


def test_a_tokenizer_without_a_fast_form_is_refused(copied, monkeypatch):
    class Slow:
        backend_tokenizer = None

    monkeypatch.setattr(
        "transformers.AutoTokenizer.from_pretrained", lambda *_arguments, **_options: Slow()
    )
    reason, message = refusal(copied())
    assert reason == "TokenizerNotFound"
    assert "the source's Slow has no fast form; add tokenizer.json" in message


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": "1.0"}'])
def test_a_damaged_tokenizer_is_invalid(text, copied):
    folder = copied()
    (folder / "tokenizer.json").write_text(text)
    assert refusal(folder)[0] == "InvalidModelFiles"


def test_truncation_and_padding_that_the_file_asks_for_are_left_out(copied, store):
    folder = copied()
    path = folder / "tokenizer.json"
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=64)
    tokenizer.save(str(path))
    found = plain(read_tokenizer(folder))
    assert (found.truncation, found.padding) == (None, None)
    assert 4 < len(found.encode("the river bank and the river bank").ids) < 64
    assert run(a_request(folder, store))[0].rows[0].error <= 1e-5
