"""The least that an export is: import, load, trace, save, and the golden runs, as one plain script.

``make bench`` compares the exporter with it. It resolves, fingerprints, digests, stores, proves and reports nothing.
"""

from __future__ import annotations

import sys
import warnings
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


def main() -> None:
    """Export MODEL into FOLDER at buckets given as BATCHxLENGTH:GOLDEN_BATCHES."""
    model_folder, folder, *shapes = sys.argv[1:]
    transformers.logging.set_verbosity_error()
    transformers.AutoTokenizer.from_pretrained(model_folder)
    model = transformers.AutoModel.from_pretrained(model_folder, attn_implementation="sdpa")
    model.pooler = None
    module = Embedder(model.float()).eval().requires_grad_(requires_grad=False)
    save_file(dict(module.named_parameters()), Path(folder) / "weights.safetensors")
    for number, shape in enumerate(shapes):
        size, _, batches = shape.partition(":")
        rows, length = map(int, size.split("x"))
        ids = torch.randint(1000, 20000, (rows, length))
        inputs = (ids, torch.ones_like(ids), torch.zeros_like(ids))
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            traced = torch.jit.trace(module, inputs, check_trace=False)
        originals = [(parameter, parameter.data) for parameter in traced.parameters()]
        for parameter, data in originals:
            parameter.data = torch.zeros(1).expand(data.shape)
        torch.jit.save(traced, str(Path(folder) / f"{number}.pt"))
        for parameter, data in originals:
            parameter.data = data
        reopened = torch.jit.load(str(Path(folder) / f"{number}.pt"))
        for (_, data), parameter in zip(originals, reopened.parameters(), strict=True):
            parameter.data = data
        with torch.inference_mode():
            for _ in range(int(batches)):
                module(*inputs)
                reopened(*inputs)


if __name__ == "__main__":
    main()
