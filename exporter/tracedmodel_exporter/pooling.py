"""How token embeddings become one of the text: as the model's own sentence-transformers files say."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tracedmodel_api.report import Failure

_MODES = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
SUPPORTED = ("cls", "mean", "max", "mean_sqrt_len")


@dataclass(frozen=True)
class Pooling:
    """A way to pool, and whether the result is scaled to length 1."""

    mode: str = "mean"
    normalize: bool = False


def read_pooling(folder: Path) -> Pooling:
    """Return the pooling that modules.json names, or the mean of all tokens where there is no such file.

    Raises Failure UnsupportedTask for modules and modes that a graph here does not compute.
    """
    listing = folder / "modules.json"
    if not listing.exists():
        return Pooling()
    pooling = Pooling()
    for module in _read(listing):
        kind = str(module["type"]).rpartition(".")[2]
        if kind == "Pooling":
            pooling = Pooling(_mode(_read(folder / str(module["path"]) / "config.json")))
        elif kind == "Normalize":
            pooling = Pooling(pooling.mode, normalize=True)
        elif kind != "Transformer":
            raise Failure(
                "UnsupportedTask",
                f"the model has a sentence-transformers module {kind}; supported are Transformer, Pooling and Normalize",
            )
    return pooling


def _mode(config: Any) -> str:
    named = config.get("pooling_mode")
    if named is None:
        chosen = [mode for key, mode in _MODES.items() if config.get(key)]
    else:
        chosen = [named] if isinstance(named, str) else list(named)
    if len(chosen) != 1 or chosen[0] not in SUPPORTED:
        raise Failure(
            "UnsupportedTask",
            f"the model pools by {' and '.join(chosen) or 'nothing'}; supported is one of {', '.join(SUPPORTED)}",
        )
    return chosen[0]


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Failure("InvalidModelFiles", f"{path.name} cannot be read: {error}") from error
