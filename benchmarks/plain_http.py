"""The least that serving is: one text after another through a traced graph, unpadded, behind the server's own web stack.

``make bench-load`` compares the server with it. It batches nothing, limits nothing, proves nothing and drains nothing.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
import uvicorn
from safetensors.torch import load_file
from tokenizers import Tokenizer

_MOST_TOKENS = 128
_WARM_RUNS = 3


class Embedder:
    """A graph and its tokenizer; one thread loads, warms and runs it, as in the server."""

    def __init__(self, listing: Path, tokenizer: Path) -> None:
        torch.set_num_threads(len(os.sched_getaffinity(0)))
        told = json.loads(listing.read_text(encoding="utf-8"))
        weights = load_file(told["weights"])
        self._graph = torch.jit.load(told["graphs"][0]["path"])
        for name, parameter in self._graph.named_parameters():
            parameter.requires_grad_(requires_grad=False)
            parameter.data = weights[name]
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(_MOST_TOKENS)
        for _ in range(_WARM_RUNS):
            self.embed("a text to begin with")

    def embed(self, text: str) -> list[float]:
        """Return the embedding of a text."""
        ids = torch.tensor([self._tokenizer.encode(text).ids])
        with torch.inference_mode():
            vector: list[float] = self._graph(ids, torch.ones_like(ids), torch.zeros_like(ids))[
                0
            ].tolist()
        return vector


def main() -> None:
    """Serve the first graph of LISTING with TOKENIZER on PORT."""
    listing, tokenizer, port = sys.argv[1:]
    thread = ThreadPoolExecutor(1)
    embedder = thread.submit(Embedder, Path(listing), Path(tokenizer)).result()

    async def answer(
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        body = b""
        if scope["method"] == "POST":
            text = json.loads(await _read(receive))["instances"][0]["text"]
            loop = asyncio.get_running_loop()
            vector = await loop.run_in_executor(thread, embedder.embed, text)
            body = json.dumps({"predictions": [vector]}).encode()
        length = str(len(body)).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", length)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    uvicorn.run(
        answer,
        host="127.0.0.1",
        port=int(port),
        lifespan="off",
        log_level="warning",
        access_log=False,
    )


async def _read(receive: Callable[[], Awaitable[dict[str, Any]]]) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


if __name__ == "__main__":
    main()
