"""The least that an export is: import, load, trace, save, and the golden runs, as one plain script.

``make bench`` compares the exporter with it. It resolves, fingerprints, digests, stores, proves and reports nothing.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file


class Embedder(torch.nn.Module):
    """Mean of the token embeddings, scaled to length 1."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: torch.Tensor, mask: torch.Tensor, types: torch.Tensor) -> torch.Tensor:
        """Return (batch, embedding)."""
        tokens = self.model(
            input_ids=ids, attention_mask=mask, token_type_ids=types, return_dict=False
        )[0]
        wide = mask.unsqueeze(-1).float()
        pooled = (tokens * wide).sum(1) / wide.sum(1).clamp(min=1e-9)
        return torch.nn.functional.normalize(pooled, p=2.0, dim=1)


class Clock:
    """Milliseconds by step, named as the exporter names its own."""

    def __init__(self) -> None:
        self.milliseconds: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Take the time of a step."""
        start = time.perf_counter()
        yield
        self.milliseconds[name] += 1000 * (time.perf_counter() - start)


def main() -> None:
    """Export MODEL into FOLDER at buckets given as BATCHxLENGTH:GOLDEN_BATCHES, and leave the steps' times there."""
    model_folder, folder, *shapes = sys.argv[1:]
    clock = Clock()
    transformers.logging.set_verbosity_error()
    with clock.step("load"):
        transformers.AutoTokenizer.from_pretrained(model_folder)
        model = transformers.AutoModel.from_pretrained(model_folder, attn_implementation="sdpa")
        model.pooler = None
        module = Embedder(model.float()).eval().requires_grad_(requires_grad=False)
    with clock.step("save"):
        save_file(dict(module.named_parameters()), Path(folder) / "weights.safetensors")
    for number, shape in enumerate(shapes):
        size, _, batches = shape.partition(":")
        rows, length = map(int, size.split("x"))
        export(module, (rows, length), int(batches), Path(folder) / f"{number}.pt", clock)
    (Path(folder) / "steps.json").write_text(json.dumps(clock.milliseconds), encoding="utf-8")


def export(
    module: torch.nn.Module, shape: tuple[int, int], batches: int, path: Path, clock: Clock
) -> None:
    """Trace, save without weights, reopen, and run both as often as there are golden batches."""
    ids = torch.randint(1000, 20000, shape)
    inputs = (ids, torch.ones_like(ids), torch.zeros_like(ids))
    with clock.step("trace"), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(module, inputs, check_trace=False)
    with clock.step("save"):
        originals = [(parameter, parameter.data) for parameter in traced.parameters()]
        for parameter, data in originals:
            parameter.data = torch.zeros(1).expand(data.shape)
        torch.jit.save(traced, str(path))
        for parameter, data in originals:
            parameter.data = data
    with clock.step("reopen"):
        reopened = torch.jit.load(str(path))
        for (_, data), parameter in zip(originals, reopened.parameters(), strict=True):
            parameter.data = data
    with torch.inference_mode():
        with clock.step("record"):
            for _ in range(batches):
                module(*inputs)
        with clock.step("verify"):
            for _ in range(batches):
                reopened(*inputs)


if __name__ == "__main__":
    main()
