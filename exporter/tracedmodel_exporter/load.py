"""From a model's folder to what can be traced: the module in eval mode, its tokenizer, and the card for servers."""

from __future__ import annotations

import inspect
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tokenizers
import torch
import transformers
from torch import nn

from tracedmodel_api.manifest import FORMAT_VERSION, TOKENIZER_FILE, ModelCard, Scoring
from tracedmodel_api.report import Failure
from tracedmodel_api.types import Precision, Target, Task
from tracedmodel_exporter.architecture import (
    demand_encoder,
    demand_head,
    demand_text,
    demand_weights,
)
from tracedmodel_exporter.errors import reading
from tracedmodel_exporter.pooling import Pooling, read_pooling
from tracedmodel_exporter.tasks import TASKS, Embedder, Head, TaskSpec
from tracedmodel_exporter.tokens import plain, read_tokenizer


@dataclass(frozen=True)
class Loaded:
    """A model that is ready to be traced. ``reference`` is the eager float32 model, ``module`` what is traced."""

    reference: nn.Module
    module: nn.Module
    tokenizer: tokenizers.Tokenizer
    card: ModelCard
    width: int
    parameters: int

    def tokenizers(self) -> dict[str, tokenizers.Tokenizer]:
        """Return what servers need to read texts, by file name."""
        return {TOKENIZER_FILE: self.tokenizer}


def load(folder: Path, task: Task, precision: Precision, target: Target = Target.CPU) -> Loaded:
    """Load the model for a task. Weights come from safetensors alone, and no code of the model's is run.

    Raises Failure RemoteCodeRequired, UnsupportedTask, TokenizerNotFound or InvalidModelFiles.
    """
    quieten()
    spec = TASKS.get(task)
    if spec is None:
        raise Failure("UnsupportedTask", f"task {task.value} cannot be exported yet")
    config = read_config(folder)
    with reading(folder):
        pooling = read_pooling(folder) if task is Task.FEATURE_EXTRACTION else None
    wrapped = read_tokenizer(folder)
    tokenizer = plain(wrapped)
    attention = attention_on(target)
    model = _model(folder, config, task, spec, attention)
    demand_embeddings(model, tokenizer)
    names = _input_names(model, config, wrapped)
    card = _card(model, config, task, wrapped, names=names, pooling=pooling)
    reference = _wrap(model, names, pooling, spec)
    parameters = sum(parameter.numel() for parameter in reference.parameters())
    module = reference
    if precision is Precision.BFLOAT16:
        second = _model(folder, config, task, spec, attention).to(torch.bfloat16)
        module = _wrap(second, names, pooling, spec)
    return Loaded(reference, module, tokenizer, card, _width(card, config), parameters)


def quieten() -> None:
    """Keep transformers from telling of its loading: ours tells of the whole export."""
    transformers.logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # transformers has no types here
    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # nor here


def read_config(folder: Path) -> Any:
    """Return the config of a model whose type transformers knows; raises Failure RemoteCodeRequired or UnsupportedTask."""
    with reading(folder):
        raw = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        kind = raw.get("model_type")
        known = kind in transformers.CONFIG_MAPPING
    if not known and "auto_map" in raw:
        message = f"model type {kind!r} is code of the model's repository, which is never run"
        raise Failure("RemoteCodeRequired", message)
    if not known:
        raise Failure(
            "UnsupportedTask",
            f"transformers {transformers.__version__} does not know model type {kind!r}",
        )
    with reading(folder):
        return transformers.AutoConfig.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )


def _model(folder: Path, config: Any, task: Task, spec: TaskSpec, attention: str) -> nn.Module:
    """Return the model of the task in float32; a head that has no weights in the files is refused."""
    demand_encoder(config)
    demand_head(config, task, spec)
    loader = getattr(transformers, spec.auto_class)
    model, info = from_pretrained(loader, folder, config, attention)
    demand_text(model, config)
    unused = ".pooler." if task is Task.FEATURE_EXTRACTION else None
    missing = [n for n in info["missing_keys"] if unused is None or unused not in f".{n}"]
    demand_weights(missing, config, task, spec)
    if info.get("mismatched_keys"):
        raise Failure(
            "InvalidModelFiles",
            f"weights do not fit config.json: {sorted(map(str, info['mismatched_keys']))[:4]}",
        )
    if getattr(model, "pooler", None) is not None and task is Task.FEATURE_EXTRACTION:
        # Its output is not asked for; left in, it would be stored and loaded with every graph.
        model.pooler = None
    result: nn.Module = model.float().eval().requires_grad_(requires_grad=False)
    return result


def attention_on(target: Target) -> str:
    """Return which of transformers' implementations of attention is traced: the faster one on CPUs.

    The Neuron compiler knows its parts, and not the one operator that stands for them.
    """
    return "sdpa" if target is Target.CPU else "eager"


def from_pretrained(loader: Any, folder: Path, config: Any, attention: str) -> Any:
    """Return a model of safetensors alone, and transformers' loading info; raises Failure InvalidModelFiles."""
    with reading(folder):
        try:
            return _from_pretrained(loader, folder, config, attention)
        except (ValueError, ImportError):
            # Some architectures have no sdpa, torch 1.13 neither.
            return _from_pretrained(loader, folder, config, "eager")


def _from_pretrained(loader: Any, folder: Path, config: Any, attention: str) -> Any:
    return loader.from_pretrained(
        folder,
        config=config,
        attn_implementation=attention,
        use_safetensors=True,
        trust_remote_code=False,
        local_files_only=True,
        output_loading_info=True,
    )


def demand_embeddings(model: Any, tokenizer: tokenizers.Tokenizer) -> None:
    """Refuse a tokenizer that writes tokens which the model has no embedding for."""
    largest = max(tokenizer.get_vocab().values())
    rows = model.get_input_embeddings().num_embeddings
    if largest >= rows:
        raise Failure(
            "InvalidModelFiles",
            f"the tokenizer has a token {largest}, the model has embeddings for {rows} tokens",
        )


def _input_names(model: nn.Module, config: Any, wrapped: Any) -> tuple[str, ...]:
    """Return the graph's inputs in forward order: segment types only where model and tokenizer both have them."""
    segments = (
        "token_type_ids" in wrapped.model_input_names
        and getattr(config, "type_vocab_size", 0) > 1
        and "token_type_ids" in inspect.signature(model.forward).parameters
    )
    return ("input_ids", "attention_mask", *(("token_type_ids",) if segments else ()))


def max_length(model: nn.Module, config: Any) -> int:
    """Return the longest text in tokens: RoBERTa's positions start after its padding index."""
    positions = int(getattr(config, "max_position_embeddings", 0) or 2**31)
    for name, module in model.named_modules():
        padding = getattr(module, "padding_idx", None)
        if name.endswith("position_embeddings") and padding is not None:
            return positions - int(padding) - 1
    return positions


def _card(
    model: nn.Module,
    config: Any,
    task: Task,
    wrapped: Any,
    *,
    names: tuple[str, ...],
    pooling: Pooling | None,
) -> ModelCard:
    labelled = task in (Task.TEXT_CLASSIFICATION, Task.TOKEN_CLASSIFICATION)
    labels = [label for _, label in sorted((int(n), str(v)) for n, v in config.id2label.items())]
    if task is Task.FILL_MASK and wrapped.mask_token is None:
        raise Failure(
            "TokenizerNotFound",
            "the source's tokenizer has no mask token, which task FillMask needs",
        )
    return ModelCard(
        format_version=FORMAT_VERSION,
        task=task,
        architecture=type(model).__name__,
        inputs=names,
        pad_token_id=wrapped.pad_token_id,
        pad_type_id=wrapped.pad_token_type_id or 0,
        max_length=max_length(model, config),
        labels=tuple(labels) if labelled else (),
        mask_token=wrapped.mask_token if task is Task.FILL_MASK else None,
        mask_token_id=wrapped.mask_token_id if task is Task.FILL_MASK else None,
        pooling=pooling.mode if pooling else None,
        normalized=bool(pooling and pooling.normalize),
        embedding_size=int(config.hidden_size) if pooling else None,
        scoring=_scoring(config, labels) if task is Task.TEXT_CLASSIFICATION else None,
    )


def _scoring(config: Any, labels: list[str]) -> Scoring:
    """Return how transformers' pipeline turns the logits of a text classifier into scores."""
    kind = getattr(config, "problem_type", None)
    if kind == "regression":
        return "identity"
    return "sigmoid" if kind == "multi_label_classification" or len(labels) == 1 else "softmax"


def _width(card: ModelCard, config: Any) -> int:
    """Return the size of the outputs' last axis where that is not the sequence."""
    if card.task is Task.FILL_MASK:
        return int(config.vocab_size)
    return card.embedding_size or len(card.labels) or 1


def _wrap(
    model: nn.Module, names: tuple[str, ...], pooling: Pooling | None, spec: TaskSpec
) -> nn.Module:
    if pooling is not None:
        return Embedder(model, names, pooling).eval()
    return Head(model, names, len(spec.outputs)).eval()
