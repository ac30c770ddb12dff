"""What the kustomizations of the project are made of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import yaml

from pages.blocks import Refused


def texts(folder: Path) -> Iterator[str]:
    """Yield every file of resources that a kustomization leads to; refuses a folder that is none."""
    file = folder / "kustomization.yaml"
    if not file.is_file():
        raise Refused(f"{folder.name} has no kustomization.yaml")
    text = file.read_text(encoding="utf-8")
    yield text
    for name in yaml.safe_load(text).get("resources", ()):
        path = folder / name
        if path.is_dir():
            yield from texts(path)
        else:
            yield path.read_text(encoding="utf-8")
