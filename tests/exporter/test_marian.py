"""Tokenizers made anew from sentencepiece models, against transformers' own."""

from __future__ import annotations

import dataclasses
import json
import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

import tiny_marian
import tiny_models
from tracedmodel_api.report import Failure
from tracedmodel_exporter.marian import read_tokenizers
from tracedmodel_exporter.spm import read_spm

pytestmark = pytest.mark.transformers

WORDS = " ".join((*tiny_models.CORPUS, *tiny_marian.TARGETS)).split()
ODD = (
    "ﬁ",
    "½",
    "“",
    "…",
    "ß",
    "Ä",
    "日本",
    "语",
    "🙂",
    "\u200b",
    "\t",
    "  ",
    "　",
    "\n",
    "</s>",
    "<unk>",
)
texts = st.tuples(
    st.sampled_from(["", ">>de<< ", ">>xx<<", ">> no code "]),
    st.sampled_from(["", " "]),
    st.lists(st.sampled_from([*WORDS, *ODD]), max_size=12),
).map(lambda parts: parts[0] + parts[1].join(parts[2]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("marian")
    tiny_marian.save_tokenizer(folder)
    return folder


@pytest.fixture(scope="module")
def theirs(folder):
    return tiny_marian.tokenizer(folder)


@pytest.fixture(scope="module")
def ours(folder):
    return read_tokenizers(folder)


@pytest.fixture
def changed(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "changed")


@settings(max_examples=300)
@given(text=texts)
def test_texts_have_the_ids_that_transformers_gives_them(text, ours, theirs):
    assert ours.pieces.encode([text]) == [theirs(text)["input_ids"]]


@settings(max_examples=200)
@given(data=st.data())
def test_answers_are_spelled_as_transformers_spells_them(data, ours, theirs):
    size = len(theirs.get_vocab())
    ids = data.draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=20))
    assert ours.target.decode(ids) == theirs.decode(ids, skip_special_tokens=True)


def test_pieces_of_the_other_language_are_known_and_others_are_not(ours, theirs, folder):
    known = theirs.get_vocab()
    own = {piece for piece, _ in read_spm(folder / "source.spm").pieces}
    foreign = [word for word in known if word not in own and word.isalpha() and len(word) == 1]
    assert foreign
    (ids,) = ours.pieces.encode([foreign[0]])
    assert known[foreign[0]] in ids
    (ids,) = ours.pieces.encode(["日本"])
    assert known["<unk>"] in ids


def test_what_is_stored_reads_as_what_was_made(ours):
    again = Tokenizer.from_str(ours.source.to_str())
    text = tiny_models.CORPUS[0]
    assert again.encode(text).tokens == ours.source.encode(text).tokens


def test_spaces_are_cleaned_where_the_source_says_so(changed):
    path = changed / "tokenizer_config.json"
    settings_ = json.loads(path.read_text()) | {"clean_up_tokenization_spaces": True}
    path.write_text(json.dumps(settings_))
    theirs, ours = tiny_marian.tokenizer(changed), read_tokenizers(changed)
    ids = [*theirs("Berlin")["input_ids"][:-1], theirs.convert_tokens_to_ids("▁")]
    ids += [theirs.convert_tokens_to_ids("."), *ids]
    assert ours.target.decode(ids) == theirs.decode(ids, skip_special_tokens=True)


@pytest.mark.parametrize("name", ["source.spm", "target.spm", "vocab.json"])
def test_a_source_that_lacks_a_file_is_told_which(name, changed):
    (changed / name).unlink()
    with pytest.raises(Failure, match=rf"no tokenizer\.json, .*it lacks {name}") as caught:
        read_tokenizers(changed)
    assert caught.value.reason.name == "TokenizerNotFound"


def test_a_tokenizer_json_is_taken_as_it_is(changed):
    bert = tiny_models._word_pieces()
    bert.save(str(changed / "tokenizer.json"))
    settings_ = {"eos_token": "[SEP]", "pad_token": "[PAD]", "unk_token": "[UNK]"}
    (changed / "tokenizer_config.json").write_text(json.dumps(settings_))
    found = read_tokenizers(changed)
    assert found.target is None
    assert found.pieces is None
    assert (found.end, found.pad) == (3, 0)
    assert found.source.encode("Berlin").ids == bert.encode("Berlin").ids


def test_a_tokenizer_json_without_an_end_is_refused(changed):
    tiny_models._word_pieces().save(str(changed / "tokenizer.json"))
    (changed / "tokenizer_config.json").write_text("{}")
    with pytest.raises(Failure, match="needs an eos_token and a pad_token") as caught:
        read_tokenizers(changed)
    assert caught.value.reason.name == "TokenizerNotFound"


@pytest.mark.parametrize("content", [b"", b"no model", b"\x0a\xff"])
def test_a_damaged_sentencepiece_model_is_refused(content, tmp_path):
    path = tmp_path / "source.spm"
    path.write_bytes(content)
    with pytest.raises(Failure, match=r"source\.spm") as caught:
        read_spm(path)
    assert caught.value.reason.name == "InvalidModelFiles"


@pytest.mark.parametrize("options", [{"model_type": "bpe"}, {"user_defined_symbols": ["<x>"]}])
def test_a_sentencepiece_model_that_has_no_equal_is_refused(options, tmp_path):
    path = tmp_path / "source.spm"
    path.write_bytes(tiny_marian.pieces(tiny_models.CORPUS, 180, **options))
    with pytest.raises(Failure, match="must be a unigram model") as caught:
        read_spm(path)
    assert caught.value.reason.name == "InvalidModelFiles"


def test_a_tokenizer_that_reads_otherwise_than_transformers_is_refused(folder, monkeypatch):
    def upside_down(path):
        model = read_spm(path)
        pieces = tuple((piece, -20 - score) for piece, score in model.pieces)
        return dataclasses.replace(model, pieces=pieces)

    monkeypatch.setattr("tracedmodel_exporter.marian.read_spm", upside_down)
    with pytest.raises(Failure, match="cannot be made anew exactly: it differs for") as caught:
        read_tokenizers(folder)
    assert caught.value.reason.name == "InvalidModelFiles"


def test_a_tokenizer_with_a_vocabulary_for_each_language_is_refused(changed):
    shutil.copy(changed / "vocab.json", changed / "target_vocab.json")
    path = changed / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"separate_vocabs": True}))
    with pytest.raises(Failure, match="a vocabulary for each language") as caught:
        read_tokenizers(changed)
    assert caught.value.reason.name == "InvalidModelFiles"


def test_added_tokens_that_are_not_special_are_refused_by_name(changed):
    size = len(json.loads((changed / "vocab.json").read_text()))
    (changed / "added_tokens.json").write_text(json.dumps({"<new>": size}))
    with pytest.raises(Failure, match="added tokens that are not special: <new>") as caught:
        read_tokenizers(changed)
    assert caught.value.reason.name == "InvalidModelFiles"
