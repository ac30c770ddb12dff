from __future__ import annotations

import shutil
from functools import cache

import pytest
import torch

import tiny_models
from s3_server import s3_server


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
