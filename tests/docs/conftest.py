from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest

from pages.desk import Served
from serving import MODEL, serving
from tiny_artifacts import export
from tracedmodel_api import manifests

EXAMPLES = Path(__file__).parents[2] / "examples"


@cache
def tasks():
    """Return the task of every example by its name."""
    texts = [path.read_text(encoding="utf-8") for path in EXAMPLES.glob("*.yaml")]
    found = [manifests.parse(one) for text in texts for one in manifests.read_documents(text)]
    return {resource.metadata.name: resource.spec.model.task.value for resource in found}


@pytest.fixture(scope="session")
def ask(tmp_path_factory):
    """Return a server of a model that a page names: of a tiny one for the same task, started once a session."""
    with ExitStack() as stack:

        @cache
        def started(task):
            family = "marian" if task == "Translation" else "bert"
            artifact = export(tmp_path_factory.mktemp("artifact"), family, task)
            folder = tmp_path_factory.mktemp("serve")
            return Served(stack.enter_context(serving(artifact, folder)).url, MODEL)

        yield lambda model: started(tasks().get(model, "FeatureExtraction"))
