"""The tokenizers of a Marian model: its tokenizer.json as it is, or its two sentencepiece models, made anew.

transformers has no fast form of these. What is made here is compared with transformers' own before it is believed.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import transformers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models

from tracedmodel_api.report import Failure
from tracedmodel_exporter.errors import reading
from tracedmodel_exporter.spm import SentencePieces, read_spm
from tracedmodel_exporter.tokens import plain
from tracedmodel_runtime.pieces import PieceTokenizer

_FILES = ("source.spm", "target.spm", "vocab.json")
_SPACE = "▁"
_SAMPLES, _LONGEST = 64, 24
_ODD = ("ﬁne ½ “x” …", "  two  spaces\t", "日本語 🙂 ß", ">>xx<< code", "0,5 %", "")
_CLEANED = (" .", " ?", " !", " ,")
_CLEANED_LETTERS = ((" ' ", "'"), *((f" {end}", end) for end in ("n't", "'m", "'s", "'ve", "'re")))


@dataclass(frozen=True)
class MarianTokenizers:
    """What reads texts and spells answers. ``target`` and ``pieces`` are None for a source that has tokenizer.json."""

    source: Tokenizer
    target: Tokenizer | None
    pieces: PieceTokenizer | None
    words: tuple[str, ...]
    """Pieces of the source language that the model knows."""
    end: int
    pad: int


def read_tokenizers(folder: Path) -> MarianTokenizers:
    """Return a Marian model's tokenizers; raises Failure TokenizerNotFound or InvalidModelFiles."""
    if (folder / "tokenizer.json").exists():
        return _as_it_is(folder)
    lacking = [name for name in _FILES if not (folder / name).exists()]
    if lacking:
        raise Failure(
            "TokenizerNotFound",
            f"the source has no tokenizer.json, and of Marian's own files it lacks {', '.join(lacking)}",
        )
    with reading(folder), warnings.catch_warnings():
        # It recommends a library that would do nothing here.
        warnings.simplefilter("ignore")
        theirs = transformers.MarianTokenizer.from_pretrained(folder, local_files_only=True)
    source = read_spm(folder / "source.spm")
    target = _target(theirs)
    pieces = PieceTokenizer(source.tokenizer(), target, theirs.eos_token_id)
    _demand_equal(theirs, pieces, target, source)
    known = theirs.get_vocab()
    words = tuple(piece for piece, _ in source.pieces if piece in known)
    if not words:
        raise Failure("InvalidModelFiles", "vocab.json has none of the pieces of source.spm")
    return MarianTokenizers(
        source.tokenizer(), target, pieces, words, theirs.eos_token_id, theirs.pad_token_id
    )


def _as_it_is(folder: Path) -> MarianTokenizers:
    with reading(folder):
        wrapped = transformers.PreTrainedTokenizerFast.from_pretrained(
            folder, local_files_only=True
        )
    ends = (wrapped.eos_token_id, wrapped.pad_token_id)
    if None in ends:
        message = "the source's tokenizer.json needs an eos_token and a pad_token in tokenizer_config.json"
        raise Failure("TokenizerNotFound", message)
    return MarianTokenizers(plain(wrapped), None, None, (), *ends)


def _target(theirs: Any) -> Tokenizer:
    """Return the ids that both languages share, and how they are spelled: pieces joined, spaces for their marks."""
    if theirs.separate_vocabs:
        message = (
            "the tokenizer has a vocabulary for each language; one that both share can be exported"
        )
        raise Failure("InvalidModelFiles", message)
    special = set(theirs.all_special_tokens)
    if not special.issuperset(theirs.added_tokens_encoder):
        others = sorted(set(theirs.added_tokens_encoder) - special)[:4]
        message = f"the tokenizer has added tokens that are not special: {', '.join(others)}"
        raise Failure("InvalidModelFiles", message)
    target = Tokenizer(models.WordLevel(dict(theirs.encoder), unk_token=str(theirs.unk_token)))
    target.add_special_tokens(
        [AddedToken(word, special=True, normalized=False) for word in sorted(special)]
    )
    steps = [
        decoders.Replace(_SPACE, " "),
        decoders.Fuse(),
        # Not Strip, which panics where there is nothing but spaces.
        decoders.Replace(Regex("^ +| +$"), ""),
    ]
    if theirs.clean_up_tokenization_spaces:
        pairs = (*((mark, mark[1:]) for mark in _CLEANED), *_CLEANED_LETTERS)
        steps += [decoders.Replace(*pair) for pair in pairs]
    target.decoder = decoders.Sequence(steps)
    return target


def _demand_equal(
    theirs: Any, pieces: PieceTokenizer, target: Tokenizer, source: SentencePieces
) -> None:
    """Refuse tokenizers that do not read sample texts, or spell sample answers, as transformers' does."""
    draw = random.Random(0)  # noqa: S311  # samples, no secrets
    spellings = [piece for piece, _ in source.pieces]
    texts = [
        "".join(draw.choices(spellings, k=draw.randint(1, _LONGEST))).replace(_SPACE, " ")
        for _ in range(_SAMPLES)
    ]
    texts += [*_ODD, *(f"{code} {texts[0]}" for code in theirs.supported_language_codes[:2])]
    for text, found in zip(texts, pieces.encode(texts), strict=True):
        if found != theirs(text)["input_ids"]:
            raise _different(text)
    size = len(theirs.encoder)
    for _ in range(_SAMPLES):
        ids = [draw.randrange(size) for _ in range(draw.randint(1, _LONGEST))]
        if target.decode(ids) != theirs.decode(ids, skip_special_tokens=True):
            raise _different(ids)


def _different(sample: str | Sequence[int]) -> Failure:
    message = (
        f"the tokenizer cannot be made anew exactly: it differs for {sample!r}; add tokenizer.json"
    )
    return Failure("InvalidModelFiles", message)
