"""From the files of one export to blobs in the store, each written and digested once."""

from __future__ import annotations

from pathlib import Path

from tracedmodel_api.manifest import CARD_FILE, Blob, Module, ModuleName
from tracedmodel_api.store import Store
from tracedmodel_exporter.load import Loaded
from tracedmodel_runtime.backend import Saved


class Shelf:
    """Where one model's graphs go. What they share goes there with the first of them."""

    def __init__(self, store: Store, model: Loaded) -> None:
        self.store = store
        self._model = model
        self._weights: dict[Path, Blob] = {}
        self._files: dict[str, Blob] = {}

    def module(self, name: ModuleName, saved: Saved) -> Module:
        """Store a traced module and return what its manifest says of it."""
        weights = self._shared(saved.weights) if saved.weights else None
        return Module(name=name, graph=self.store.put_file(saved.graph), weights=weights)

    def _shared(self, path: Path) -> Blob:
        if path not in self._weights:
            self._weights[path] = self.store.put_file(path)
        return self._weights[path]

    def files(self) -> dict[str, Blob]:
        """Store what servers read beside the graphs, and return it by name."""
        if not self._files:
            card = self.store.put(self._model.card.to_bytes())
            self._files = {CARD_FILE: card}
            for name, tokenizer in self._model.tokenizers().items():
                self._files[name] = self.store.put(tokenizer.to_str().encode())
        return self._files
