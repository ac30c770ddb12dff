"""Published translation graphs, read back as a server reads them."""

import tempfile
from pathlib import Path

from tokenizers import Tokenizer

from tracedmodel_api.manifest import (
    CARD_FILE,
    TARGET_TOKENIZER_FILE,
    TOKENIZER_FILE,
    ModelCard,
)
from tracedmodel_api.store import Store
from tracedmodel_runtime.backend import backend_for
from tracedmodel_runtime.golden_translation import TranslationRecording, compare
from tracedmodel_runtime.translator import Translator


class Translated:
    """The graphs of one bucket."""

    def __init__(self, request, row):
        self.store = Store(request.store_url)
        self.graph = self.store.graph_by_digest(row.digest)
        files = self.graph.files
        self.card = ModelCard.model_validate_json(self.store.read(files[CARD_FILE].digest))
        self.tokenizers = {
            name: Tokenizer.from_buffer(self.store.read(files[name].digest))
            for name in (TOKENIZER_FILE, TARGET_TOKENIZER_FILE)
            if name in files
        }
        self._backend = backend_for(self.graph.target)
        self._room = tempfile.TemporaryDirectory()
        self._folder = Path(self._room.name)
        blobs = {module.weights.digest: module.weights for module in self.graph.modules}
        (self.weights_blob,) = blobs.values()
        path = self.store.fetch(self.weights_blob, self._folder)
        self.weights = dict(self._backend.weights(path))

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self._room.cleanup()

    def recording(self):
        """Return the golden data."""
        return TranslationRecording.parse(self.store.read(self.graph.golden.blob.digest))

    def translator(self, weights=None):
        """Return the graphs, ready to translate."""
        given = self.weights if weights is None else weights
        loaded = {
            module.name: self._backend.load(self.store.fetch(module.graph, self._folder), given)
            for module in self.graph.modules
        }
        bucket = self.graph.bucket.bucket()
        return Translator(loaded["encoder"], loaded["decoder"], bucket, self.card)

    def compare(self, weights=None):
        """Return the proof of the graphs."""
        return compare(self.recording(), self.graph.outputs, self.translator(weights))
