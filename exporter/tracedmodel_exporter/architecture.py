"""What a model is for, by its config: an encoder, and one with a head for the task."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from torch import nn
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
)

from tracedmodel_api.enums import Task
from tracedmodel_api.report import Failure
from tracedmodel_exporter.tasks import TASKS, TaskSpec

_INPUTS = {"input_ids", "attention_mask"}


def demand_encoder(config: Any) -> None:
    """Refuse decoders, and encoders with decoders: their answers are made token by token."""
    kind = config.model_type
    generates = kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    if config.is_encoder_decoder or (generates and kind not in MODEL_FOR_MASKED_LM_MAPPING_NAMES):
        message = f"model type {kind!r} is no encoder; encoders such as BERT, DistilBERT and RoBERTa can be exported"
        raise Failure("UnsupportedTask", message)


def demand_text(model: nn.Module, config: Any) -> None:
    """Refuse models that do not read text."""
    if not inspect.signature(model.forward).parameters.keys() >= _INPUTS:
        message = f"model type {config.model_type!r} reads no text"
        raise Failure("UnsupportedTask", message)


def demand_head(config: Any, task: Task, spec: TaskSpec) -> None:
    """Refuse a model whose config says that it was trained for something else."""
    architectures = config.architectures or []
    if task is Task.FEATURE_EXTRACTION or not architectures or _is_for(config, spec):
        return
    message = f"the model is {', '.join(architectures)}, not one for task {task.value}"
    raise Failure("UnsupportedTask", message + _hint(config))


def demand_weights(missing: Sequence[str], config: Any, task: Task, spec: TaskSpec) -> None:
    """Refuse files that lack weights: those of the head, or any of a model that should have them all."""
    if not missing:
        return
    shown = ", ".join(sorted(missing)[:4])
    if task is Task.FEATURE_EXTRACTION or _is_for(config, spec):
        raise Failure("InvalidModelFiles", f"the files lack weights: {shown} would be random")
    message = f"the files have no weights for task {task.value}: {shown} would be random"
    raise Failure("UnsupportedTask", message + _hint(config))


def _is_for(config: Any, spec: TaskSpec) -> bool:
    return any(name.endswith(spec.suffix) for name in config.architectures or [])


def _hint(config: Any) -> str:
    """Return which tasks the model's architectures are for."""
    fitting = [
        task.value
        for task, spec in TASKS.items()
        if _is_for(config, spec) or task is Task.FEATURE_EXTRACTION
    ]
    return f"; it can do {' and '.join(fitting)}"
