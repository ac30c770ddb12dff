"""The recipe of translation: an encoder and a decoder, and a search that runs the decoder for every token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tracedmodel_api.buckets import Bucket
from tracedmodel_api.manifest import ModelCard, ModuleName, Proof, TensorSpec
from tracedmodel_api.report import Failure
from tracedmodel_exporter.goldens import SEED, batches_by, golden_batches
from tracedmodel_exporter.goldens_pieces import PieceWriter
from tracedmodel_exporter.recipes import Batches, Graphs, token_specs
from tracedmodel_exporter.translation_load import TranslationModel
from tracedmodel_runtime.backend import Inputs
from tracedmodel_runtime.golden_translation import (
    SAMPLING,
    TranslationRecording,
    compare,
    record,
)
from tracedmodel_runtime.padding import Encoding, PadIds, pad
from tracedmodel_runtime.timing import Times, measure
from tracedmodel_runtime.translator import Translator

_MEASURING_SECONDS = 2.0
_LEAST_RUNS = 2
"""A translation runs the decoder for every token: few of them are enough to tell their time."""


class TranslationRecipe:
    """Two modules. Judged are hidden states, logits along the eager model's answers, and the answers themselves."""

    sampling = SAMPLING

    def __init__(self, model: TranslationModel) -> None:
        self.model = model

    def inputs(self, bucket: Bucket) -> tuple[TensorSpec, ...]:
        """Return what the encoder reads."""
        return token_specs(self.model.card.inputs, bucket)

    def outputs(self, bucket: Bucket) -> tuple[TensorSpec, ...]:
        """Return the encoder's hidden states and the decoder's logits, of one token of each beam."""
        rows, length = bucket.batch_size, bucket.sequence_length
        return (
            TensorSpec(
                name="hidden_states",
                dtype="float32",
                shape=(rows, length, self.model.width),
                axes=("batch", "sequence", "embedding"),
            ),
            TensorSpec(
                name="logits",
                dtype="float32",
                shape=(rows * (bucket.beams or 1), self.model.vocabulary),
                axes=("beam", "vocabulary"),
            ),
        )

    def batches(self, bucket: Bucket) -> Batches:
        """Return texts of the source language's pieces."""
        self._demand_target(bucket)
        model = self.model
        if model.pieces is None:
            return golden_batches(model.tokenizer, model.card, bucket, SEED)
        draw = np.random.default_rng(SEED)
        return batches_by(PieceWriter(model.pieces, model.words, draw), bucket)

    def _demand_target(self, bucket: Bucket) -> None:
        length, limit = bucket.target_length, self.model.card.max_length
        if length is None or bucket.beams is None or length < 2:  # noqa: PLR2004  # the start token is the first
            message = f"bucket {bucket}: translation needs beams and a targetLength of at least 2"
            raise Failure("InvalidRequest", message)
        if length > limit:
            message = f"bucket {bucket}: the model has positions for {limit} target tokens"
            raise Failure("SequenceTooLong", message)

    def modules(
        self, bucket: Bucket, batches: Batches
    ) -> Mapping[ModuleName, tuple[nn.Module, Inputs]]:
        """Return encoder and decoder, the latter with the hidden states of the eager encoder."""
        card, beams = self.model.card, bucket.beams or 1
        texts = pad(batches[0], bucket, card.inputs, PadIds(card.pad_token_id, card.pad_type_id))
        with torch.inference_mode():
            (hidden,) = self.model.module(*map(torch.from_numpy, texts))
        shape = (bucket.batch_size * beams, bucket.target_length or 1)
        answers = (
            np.full(shape, card.pad_token_id, np.int64),
            np.repeat(texts[1], beams, axis=0),
            np.repeat(hidden.numpy(), beams, axis=0),
            np.array(0, np.int64),
        )
        return {"encoder": (self.model.module, texts), "decoder": (self.model.decoder, answers)}

    def record(self, bucket: Bucket, batches: Batches) -> TranslationRecording:
        """Return what the eager model reads and answers."""
        model = Transformer(self.model.reference, self.model.card, bucket)
        return record(batches, self.outputs(bucket), model, SEED)

    def compare(self, bucket: Bucket, recording: TranslationRecording, graphs: Graphs) -> Proof:
        """Translate the golden texts with both graphs."""
        return compare(recording, self.outputs(bucket), self._translator(bucket, graphs))

    def measure(self, bucket: Bucket, batches: Batches, graphs: Graphs) -> tuple[Times, Times]:
        """Time whole translations of the full batch, and what transformers' ``generate``, with its cache, takes for it."""
        translator = self._translator(bucket, graphs)
        model = Transformer(self.model.reference, self.model.card, bucket)
        times, before = measure(
            lambda: translator.translate(translator.read(batches[0])),
            lambda: model.translate(batches[0]),
            seconds=_MEASURING_SECONDS,
            warm_up=0,
            least=_LEAST_RUNS,
        )
        return times, before

    def _translator(self, bucket: Bucket, graphs: Graphs) -> Translator:
        return Translator(graphs["encoder"], graphs["decoder"], bucket, self.model.card)


class Transformer:
    """The eager model as transformers runs it, at a bucket; only real rows are run."""

    def __init__(self, model: Any, card: ModelCard, bucket: Bucket) -> None:
        self._model = model
        self._card = card
        self._bucket = bucket

    def hidden(self, batch: Sequence[Encoding]) -> NDArray[np.float32]:
        """Return hidden states (texts, sequence, embedding)."""
        ids, mask = self._padded(batch)
        with torch.inference_mode():
            states = self._model.get_encoder()(input_ids=ids, attention_mask=mask)[0]
        return np.asarray(states.numpy())

    def translate(self, batch: Sequence[Encoding]) -> list[tuple[int, ...]]:
        """Return the answers of ``generate``, without start and padding."""
        ids, mask = self._padded(batch)
        with torch.inference_mode():
            rows = self._model.generate(
                input_ids=ids,
                attention_mask=mask,
                num_beams=self._bucket.beams,
                max_length=self._bucket.target_length,
                do_sample=False,
            )
        return [self._answer(row) for row in rows[:, 1:].tolist()]

    def logits(
        self, batch: Sequence[Encoding], answers: Sequence[Sequence[int]], places: Sequence[int]
    ) -> NDArray[np.float32]:
        """Return logits (texts, places, vocabulary)."""
        ids, mask = self._padded(batch)
        rules = self._card.generation
        width = max(map(len, answers))
        start = rules.start_token_id if rules else 0
        rows = [[start, *answer, *[start] * (width - len(answer))][:width] for answer in answers]
        with torch.inference_mode():
            states = self._model.model(
                input_ids=ids, attention_mask=mask, decoder_input_ids=torch.tensor(rows)
            )[0]
            logits = self._model.lm_head(states[:, list(places)]) + self._model.final_logits_bias
        return np.asarray(logits.numpy())

    def _padded(self, batch: Sequence[Encoding]) -> tuple[torch.Tensor, torch.Tensor]:
        ids = PadIds(self._card.pad_token_id)
        names = ("input_ids", "attention_mask")
        first, second = pad(batch, self._bucket, names, ids)
        count = len(batch)
        return torch.from_numpy(first[:count]), torch.from_numpy(second[:count])

    def _answer(self, row: list[int]) -> tuple[int, ...]:
        """Return the tokens up to the first that ends an answer."""
        ends = self._card.generation.eos_token_ids if self._card.generation else ()
        last = next((place for place, token in enumerate(row) if token in ends), len(row) - 1)
        return tuple(row[: last + 1])
