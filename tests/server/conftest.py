import pytest
import torch

from inside import Inside
from serving import serving
from tiny_artifacts import export


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Leave the CPUs to the servers: threads that spin for each other would starve them, and themselves."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """Return the artifact of a family and task, exported once a session."""
    made = {}

    def artifact(task, family="bert"):
        if (family, task) not in made:
            made[family, task] = export(tmp_path_factory.mktemp(f"{family}-{task}"), family, task)
        return made[family, task]

    return artifact


@pytest.fixture(scope="session")
def served(tiny, tmp_path_factory):
    """Return the server of a family and task, started once a session."""
    running = {}
    stack = []

    def server(task, family="bert"):
        if (family, task) not in running:
            context = serving(tiny(task, family), tmp_path_factory.mktemp("serve"))
            running[family, task] = context.__enter__()
            stack.append(context)
        return running[family, task]

    yield server
    for context in reversed(stack):
        context.__exit__(None, None, None)


@pytest.fixture(scope="session")
def embedder(served):
    """A server of sentence embeddings."""
    return served("FeatureExtraction")


@pytest.fixture(scope="session")
def inside(tiny, tmp_path_factory):
    """Return the service of a task inside this process, started once a session."""
    running = {}

    def service(task="FeatureExtraction", family="bert"):
        if (family, task) not in running:
            made = Inside(tiny(task, family), tmp_path_factory.mktemp("inside"))
            running[family, task] = made.start()
        return running[family, task]

    yield service
    for one in running.values():
        one.close()
