"""Translation with the two graphs of a bucket: texts are read once, then the decoder runs for every token anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracedmodel_api.buckets import Bucket
from tracedmodel_api.manifest import ModelCard
from tracedmodel_runtime.backend import Inputs, Outputs
from tracedmodel_runtime.padding import Encoding, PadIds, pad
from tracedmodel_runtime.search import Found, search

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Run = Callable[[Inputs], Outputs]


@dataclass(frozen=True)
class Read:
    """Texts that the encoder has read. The arrays have all rows of the bucket, fillers among them."""

    texts: int
    mask: Ints
    """(batch, sequence)"""
    hidden: Floats
    """(batch, sequence, embedding)"""


class Translator:
    """One bucket's encoder and decoder, which is run at once for all beams of all texts."""

    def __init__(self, encoder: Run, decoder: Run, bucket: Bucket, card: ModelCard) -> None:
        if card.generation is None or bucket.beams is None or bucket.target_length is None:
            raise ValueError(f"bucket {bucket} or the model's card is not for translation")
        self._encoder, self._decoder = encoder, decoder
        self._bucket, self._names = bucket, card.inputs
        self._beams, self._length = bucket.beams, bucket.target_length
        self._rules = card.generation
        self._pads = PadIds(card.pad_token_id, card.pad_type_id)

    def read(self, batch: Sequence[Encoding]) -> Read:
        """Run the encoder."""
        inputs = pad(batch, self._bucket, self._names, self._pads)
        mask = inputs[list(self._names).index("attention_mask")]
        return Read(len(batch), mask, self._encoder(inputs)[0])

    def translate(self, read: Read) -> list[list[Found]]:
        """Return each text's answers, best first; raises Failure NotFinite."""
        step = self._stepping(read)
        return search(step, read.texts, self._beams, self._length, self._rules)

    def logits(self, read: Read, answers: Sequence[Sequence[int]], place: int) -> Floats:
        """Return the logits (texts, beams, vocabulary) of token ``place`` of the answers, in every beam's row."""
        ids = np.full((read.texts, self._length), self._rules.pad_token_id, np.int64)
        ids[:, 0] = self._rules.start_token_id
        for row, answer in enumerate(answers):
            known = answer[:place]
            ids[row, 1 : 1 + len(known)] = known
        found = self._stepping(read)(np.repeat(ids, self._beams, axis=0), place)
        return found.reshape(read.texts, self._beams, -1)

    def _stepping(self, read: Read) -> Callable[[Ints, int], Floats]:
        mask = np.repeat(read.mask, self._beams, axis=0)
        hidden = np.repeat(read.hidden, self._beams, axis=0)
        rows = np.full((len(mask), self._length), self._rules.pad_token_id, np.int64)

        def step(ids: Ints, place: int) -> Floats:
            rows[: len(ids)] = ids
            outputs = self._decoder((rows, mask, hidden, np.array(place, np.int64)))
            return outputs[0][: len(ids)]

        return step
