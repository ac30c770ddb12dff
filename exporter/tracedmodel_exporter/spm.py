"""From a sentencepiece model to the same in the ``tokenizers`` library, which is all that a server has.

The file is a protocol buffer. Its few fields are read here: the library's own reader wants the very protobuf release
that it was made with. The two agree but for one thing, known of all fast tokenizers: where a character that is to be
replaced, such as ½, carries a combining mark that belongs to no letter, ``tokenizers`` drops the mark.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from tracedmodel_api.report import Failure

_NORMAL, _USER_DEFINED, _BYTE = 1, 4, 6
_UNIGRAM = 1
_UNKNOWN = "\ue000unknown"
"""A piece that no text has: what the model does not know keeps its own spelling."""
_SPACE = "▁"


@dataclass(frozen=True)
class SentencePieces:
    """What decides how a model cuts texts: pieces with scores, and the table of characters to replace first."""

    pieces: tuple[tuple[str, float], ...]
    replacements: bytes
    prefixed: bool
    """Whether a text is read as if a space stood before it."""

    def tokenizer(self) -> Tokenizer:
        """Return a tokenizer that cuts texts into the same pieces. Its ids mean nothing."""
        vocabulary = [(_UNKNOWN, 0.0), *self.pieces]
        tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=0))
        steps = [normalizers.Precompiled(self.replacements)] if self.replacements else []
        steps.append(normalizers.Replace(Regex("^ +| +$"), ""))
        steps.append(normalizers.Replace(Regex(" {2,}"), " "))
        tokenizer.normalizer = normalizers.Sequence(steps)
        scheme = "always" if self.prefixed else "never"
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(_SPACE, prepend_scheme=scheme)
        return tokenizer


def read_spm(path: Path) -> SentencePieces:
    """Return the model in a file; raises Failure InvalidModelFiles for damage, and for what has no equal."""
    try:
        return _model(path.read_bytes(), path.name)
    except (OSError, ValueError, IndexError, struct.error) as error:
        raise Failure("InvalidModelFiles", f"{path.name} cannot be read: {error}") from error


def _model(data: bytes, name: str) -> SentencePieces:
    pieces: list[tuple[str, float]] = []
    kinds: set[int] = set()
    trainer: dict[int, bytes | int] = {}
    normalizer: dict[int, bytes | int] = {}
    for number, value in _fields(data):
        fields = dict(_fields(value)) if isinstance(value, bytes) else {}
        if number == 1:
            kind = int(fields.get(3, _NORMAL))
            kinds.add(kind)
            if kind == _NORMAL:
                pieces.append((bytes(fields[1]).decode(), _float(fields.get(2, b"\0" * 4))))
        elif number == 2:  # noqa: PLR2004  # field numbers of sentencepiece_model.proto
            trainer = fields
        elif number == 3:  # noqa: PLR2004  # as above
            normalizer = fields
    usual = (
        trainer.get(3, _UNIGRAM) == _UNIGRAM
        and not trainer.get(24, 0)  # white space as suffix
        and normalizer.get(4, 1)  # extra white space is removed
        and normalizer.get(5, 1)  # white space is escaped
        and not kinds & {_USER_DEFINED, _BYTE}
    )
    if not usual or not pieces:
        wanted = "a unigram model without symbols of its own, byte fallback or unusual white space"
        raise Failure("InvalidModelFiles", f"{name} must be {wanted}; else add tokenizer.json")
    replacements = normalizer.get(2, b"")
    assert isinstance(replacements, bytes)  # noqa: S101  # for mypy
    return SentencePieces(tuple(pieces), replacements, bool(normalizer.get(3, 1)))


def _fields(data: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Yield number and value of each field of a message: varints as int, all else as bytes."""
    place = 0
    while place < len(data):
        tag, place = _varint(data, place)
        number, kind = tag >> 3, tag & 7
        if kind == 0:
            value, place = _varint(data, place)
            yield number, value
            continue
        if kind == 2:  # noqa: PLR2004  # wire types of protocol buffers: 1 and 5 are of 8 and 4 bytes
            size, place = _varint(data, place)
        else:
            size = {1: 8, 5: 4}.get(kind, -1)
        if size < 0 or place + size > len(data):
            raise ValueError("it is no sentencepiece model")
        yield number, data[place : place + size]
        place += size


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:  # noqa: PLR2004  # the last byte has no high bit
            return value, place


def _float(value: bytes | int) -> float:
    return float(struct.unpack("<f", value)[0])  # type: ignore[arg-type]  # a float's field is bytes
