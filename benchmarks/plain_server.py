"""The least that a server's start is: import torch, load the graphs, and run each golden batch once.

``make bench`` compares the server's time to ready with it. It checks no digest, warms nothing up and answers nobody.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file


def main() -> None:
    """Load what LISTING names: weights, and graphs with the shapes of their golden batches."""
    listing = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    weights = load_file(listing["weights"])
    for entry in listing["graphs"]:
        graph = torch.jit.load(entry["path"])
        for name, parameter in graph.named_parameters():
            parameter.requires_grad_(requires_grad=False)
            parameter.data = weights[name]
        rows, length = entry["shape"]
        ids = torch.randint(1000, 20000, (rows, length))
        with torch.inference_mode():
            for _ in range(entry["batches"]):
                graph(ids, torch.ones_like(ids), torch.zeros_like(ids))


if __name__ == "__main__":
    main()
