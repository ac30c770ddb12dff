"""The tasks: which class loads the model, what the traced module computes, and what its outputs are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from tracedmodel_api.buckets import Bucket
from tracedmodel_api.manifest import Axis, TensorSpec
from tracedmodel_api.types import Task
from tracedmodel_exporter.pooling import Pooling


@dataclass(frozen=True)
class TaskSpec:
    """A task on an encoder: transformers' auto class, the suffix of its architectures, its outputs and their axes."""

    auto_class: str
    suffix: str
    outputs: tuple[tuple[str, tuple[Axis, ...]], ...]

    def output_specs(self, bucket: Bucket, width: int) -> tuple[TensorSpec, ...]:
        """Return the outputs at a bucket; ``width`` is the number of labels, words or embedding components."""
        sizes = {"batch": bucket.batch_size, "sequence": bucket.sequence_length}
        return tuple(
            TensorSpec(
                name=name,
                dtype="float32",
                shape=tuple(sizes.get(axis, width) for axis in axes),
                axes=axes,
            )
            for name, axes in self.outputs
        )


TASKS = {
    Task.FEATURE_EXTRACTION: TaskSpec(
        "AutoModel", "Model", (("embedding", ("batch", "embedding")),)
    ),
    Task.TEXT_CLASSIFICATION: TaskSpec(
        "AutoModelForSequenceClassification",
        "ForSequenceClassification",
        (("logits", ("batch", "label")),),
    ),
    Task.TOKEN_CLASSIFICATION: TaskSpec(
        "AutoModelForTokenClassification",
        "ForTokenClassification",
        (("logits", ("batch", "sequence", "label")),),
    ),
    Task.QUESTION_ANSWERING: TaskSpec(
        "AutoModelForQuestionAnswering",
        "ForQuestionAnswering",
        (("start_logits", ("batch", "sequence")), ("end_logits", ("batch", "sequence"))),
    ),
    Task.FILL_MASK: TaskSpec(
        "AutoModelForMaskedLM",
        "ForMaskedLM",
        (("logits", ("batch", "sequence", "vocabulary")),),
    ),
}


class Head(nn.Module):
    """A model with its task's head: int64 inputs in ``names``' order to float32 outputs."""

    def __init__(self, model: nn.Module, names: Sequence[str], outputs: int) -> None:
        super().__init__()
        self.model = model
        self._names = tuple(names)
        self._outputs = outputs

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the first outputs of the model."""
        named = dict(zip(self._names, inputs))  # noqa: B905  # torch 1.13's tracer counts inputs itself
        outputs = self.model(**named, return_dict=False)
        return tuple(output.float() for output in outputs[: self._outputs])


class Embedder(nn.Module):
    """A model whose token embeddings are pooled to float32 (batch, embedding)."""

    def __init__(self, model: nn.Module, names: Sequence[str], pooling: Pooling) -> None:
        super().__init__()
        self.model = model
        self._names = tuple(names)
        self._pooling = pooling

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor]:
        """Return the embedding of each text."""
        named = dict(zip(self._names, inputs))  # noqa: B905  # as above
        tokens = self.model(**named, return_dict=False)[0].float()
        mask = named["attention_mask"].unsqueeze(-1).to(tokens.dtype)
        pooled = _pool(tokens, mask, self._pooling.mode)
        if self._pooling.normalize:
            pooled = nn.functional.normalize(pooled, p=2.0, dim=1)
        return (pooled,)


def _pool(tokens: torch.Tensor, mask: torch.Tensor, mode: str) -> torch.Tensor:
    """Pool (batch, sequence, embedding) over the tokens that (batch, sequence, 1) marks."""
    if mode == "cls":
        return tokens[:, 0]
    if mode == "max":
        return tokens.masked_fill(mask == 0, -1e9).max(dim=1).values
    count = mask.sum(dim=1).clamp(min=1e-9)
    return (tokens * mask).sum(dim=1) / (count.sqrt() if mode == "mean_sqrt_len" else count)
