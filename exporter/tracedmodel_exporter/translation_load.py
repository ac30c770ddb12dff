"""From a Marian model's folder to what can be traced: encoder and decoder, tokenizers, and the card for servers."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tokenizers
import torch
import transformers
from torch import nn

from tracedmodel_api.manifest import FORMAT_VERSION, TARGET_TOKENIZER_FILE, ModelCard
from tracedmodel_api.report import Failure
from tracedmodel_api.types import Precision, Target, Task
from tracedmodel_exporter.generation import read_generation
from tracedmodel_exporter.load import (
    Loaded,
    attention_on,
    demand_embeddings,
    from_pretrained,
    max_length,
    quieten,
    read_config,
)
from tracedmodel_exporter.marian import MarianTokenizers, read_tokenizers
from tracedmodel_exporter.padded import (
    DecoderHalf,
    EncoderHalf,
    PaddedDecoder,
    PaddedEncoder,
    with_bias_as_weight,
)
from tracedmodel_runtime.pieces import PieceTokenizer

_KIND = "marian"


@dataclass(frozen=True)
class TranslationModel(Loaded):
    """A Marian model; ``module`` is its encoder. ``pieces`` reads texts where the source has sentencepiece models."""

    decoder: nn.Module
    vocabulary: int
    target: tokenizers.Tokenizer | None
    pieces: PieceTokenizer | None
    words: tuple[str, ...]

    def tokenizers(self) -> dict[str, tokenizers.Tokenizer]:
        """Return the source's tokenizer, and the target's if it is another."""
        others = {} if self.target is None else {TARGET_TOKENIZER_FILE: self.target}
        return super().tokenizers() | others


def load_translation(
    folder: Path, precision: Precision, target: Target = Target.CPU
) -> TranslationModel:
    """Load a Marian model. Weights come from safetensors alone, and no code of the model's is run.

    Raises Failure RemoteCodeRequired, UnsupportedTask, TokenizerNotFound or InvalidModelFiles.
    """
    quieten()
    config = read_config(folder)
    _demand_marian(config)
    found = read_tokenizers(folder)
    model = _model(folder, config, attention_on(target))
    demand_embeddings(model, found.target or found.source)
    card = _card(model, config, found)
    traced = model
    if precision is Precision.BFLOAT16:
        traced = copy.deepcopy(model).to(torch.bfloat16)
    halves = (
        (traced, traced) if target is Target.CPU else (EncoderHalf(traced), DecoderHalf(traced))
    )
    return TranslationModel(
        reference=model,
        module=PaddedEncoder(halves[0]).eval(),
        tokenizer=found.source,
        card=card,
        width=int(config.d_model),
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        decoder=PaddedDecoder(halves[1]).eval(),
        vocabulary=int(config.vocab_size),
        target=found.target,
        pieces=found.pieces,
        words=found.words,
    )


def _demand_marian(config: Any) -> None:
    if config.model_type != _KIND:
        raise Failure(
            "UnsupportedTask",
            f"task Translation is for Marian models such as Helsinki-NLP/opus-mt-en-de, not for {config.model_type!r}",
        )
    if not getattr(config, "share_encoder_decoder_embeddings", True):
        message = (
            "the model has a vocabulary for each language; one that both share can be exported"
        )
        raise Failure("UnsupportedTask", message)


def _model(folder: Path, config: Any, attention: str) -> Any:
    model, info = from_pretrained(transformers.AutoModelForSeq2SeqLM, folder, config, attention)
    wrong = sorted(map(str, (*info["missing_keys"], *(info.get("mismatched_keys") or ()))))
    if wrong:
        shown = ", ".join(wrong[:4])
        raise Failure("InvalidModelFiles", f"the files lack weights, or have others: {shown}")
    # Both would go before the length that a bucket has.
    model.generation_config.max_new_tokens = None
    model.generation_config.num_return_sequences = 1
    return with_bias_as_weight(model.float().eval()).requires_grad_(requires_grad=False)


def _card(model: Any, config: Any, found: MarianTokenizers) -> ModelCard:
    rules = read_generation(model.generation_config)
    if found.end != rules.eos_token_ids[0]:
        message = f"the tokenizer ends texts with {found.end}, the model answers with {list(rules.eos_token_ids)}"
        raise Failure("InvalidModelFiles", message)
    return ModelCard(
        format_version=FORMAT_VERSION,
        task=Task.TRANSLATION,
        architecture=type(model).__name__,
        inputs=("input_ids", "attention_mask"),
        pad_token_id=found.pad,
        pad_type_id=0,
        max_length=max_length(model, config),
        generation=rules,
    )
