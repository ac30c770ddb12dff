from __future__ import annotations

import json
import shutil
import signal
from functools import cache

import pytest
import torch

import tiny_models
from faulty_store import behind, faults  # noqa: F401  # fixtures
from s3_server import s3_server
from shelf import Shelf
from tracedmodel_api.request import REQUEST_VARIABLE


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """Models this small lose more to threads than they gain, the more so where tests run side by side."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """Tiny models by family and task, each written once; a test that changes one takes a copy."""
    root = tmp_path_factory.mktemp("models")

    @cache
    def build(family="bert", task="TextClassification"):
        return tiny_models.build(root / f"{family}-{task}", family, task)

    return build


@pytest.fixture
def copied(model, tmp_path):
    """A model that is a test's own, to be changed."""

    def copy(family="bert", task="TextClassification"):
        return shutil.copytree(model(family, task), tmp_path / f"{family}-{task}")

    return copy


@pytest.fixture(scope="session")
def s3_endpoint():
    with s3_server() as endpoint:
        yield endpoint


@pytest.fixture
def store(tmp_path):
    return tmp_path / "store"


@pytest.fixture(autouse=True)
def _signals():
    """Leave the process's handler of SIGTERM as it was."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def asked(monkeypatch):
    """Put a request into the environment."""
    return lambda request: monkeypatch.setenv(REQUEST_VARIABLE, json.dumps(request.as_json()))


@pytest.fixture(scope="session")
def published(model, tmp_path_factory):
    """The folder of a store with one artifact, to be copied."""
    folder = tmp_path_factory.mktemp("published") / "store"
    Shelf(model(), folder).export()
    return folder


@pytest.fixture
def shelf(model, published, tmp_path):
    return Shelf(model(), shutil.copytree(published, tmp_path / "store"))
