"""The model's tokenizer: one beyond doubt, in its fast form, that batches can be padded with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tokenizers
import transformers

from tracedmodel_api.report import Failure
from tracedmodel_exporter.errors import reading

_SLOW_TOKENIZERS = {
    "vocab.txt": ("vocab.txt",),
    "vocab.json and merges.txt": ("vocab.json", "merges.txt"),
}


def read_tokenizer(folder: Path) -> Any:
    """Return transformers' fast tokenizer; its kind must be beyond doubt."""
    found = {path.name for path in folder.iterdir()}
    if "tokenizer.json" not in found:
        kinds = [name for name, files in _SLOW_TOKENIZERS.items() if found.issuperset(files)]
        kinds += sorted(name for name in found if name.endswith((".model", ".spm")))
        if len(kinds) != 1:
            has = f"more than one: {', '.join(kinds)}" if kinds else "none"
            raise Failure(
                "TokenizerNotFound",
                f"the source has no tokenizer.json, and of other tokenizers {has}",
            )
    with reading(folder):
        wrapped = transformers.AutoTokenizer.from_pretrained(  # type: ignore[no-untyped-call]
            folder, use_fast=True, local_files_only=True, trust_remote_code=False
        )
    if getattr(wrapped, "backend_tokenizer", None) is None:
        raise Failure(
            "TokenizerNotFound",
            f"the source's {type(wrapped).__name__} has no fast form; add tokenizer.json",
        )
    if wrapped.pad_token_id is None:
        raise Failure(
            "TokenizerNotFound", "the source's tokenizer has no padding token, which batches need"
        )
    return wrapped


def plain(wrapped: Any) -> tokenizers.Tokenizer:
    """Return the Rust tokenizer without the truncation and padding that its file may ask for."""
    tokenizer = tokenizers.Tokenizer.from_str(wrapped.backend_tokenizer.to_str())
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer
