"""Proof: what a reopened graph answers, against what the eager float32 model answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tracedmodel_api.buckets import Bucket
from tracedmodel_api.manifest import Limits, ModelCard, Proof
from tracedmodel_api.report import Failure
from tracedmodel_runtime.backend import Inputs, Outputs
from tracedmodel_runtime.golden import RunBatch
from tracedmodel_runtime.padding import Encoding, PadIds, pad

Run = Callable[[Inputs], Outputs]


def eager(module: nn.Module) -> Run:
    """Return the module as a function of arrays."""

    def run(inputs: Inputs) -> tuple[NDArray[np.float32], ...]:
        with torch.inference_mode():
            outputs = module(*(torch.from_numpy(array) for array in inputs))
        return tuple(output.numpy() for output in outputs)

    return run


def on_batches(run: Run, card: ModelCard, bucket: Bucket) -> RunBatch:
    """Return ``run`` as a function of one batch's texts."""
    ids = PadIds(card.pad_token_id, card.pad_type_id)

    def run_batch(batch: Sequence[Encoding]) -> Outputs:
        return run(pad(batch, bucket, card.inputs, ids))

    return run_batch


def demand(limits: Limits, proof: Proof, bucket: Bucket) -> None:
    """Raise Failure ToleranceMissed if a graph is too far from the eager model."""
    verdict = limits.verdict(proof)
    if verdict is not None:
        raise Failure("ToleranceMissed", f"bucket {bucket}: {verdict}")
