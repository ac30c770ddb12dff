from contextlib import ExitStack

import pytest


def pytest_addoption(parser):
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write tests/operator/golden anew, for a person to read",
    )


@pytest.fixture
def update_golden(request):
    # A run of more than this folder reads this file too late to have the option.
    return request.config.getoption("--update-golden", default=False)


@pytest.fixture
def tiny_model(tmp_path_factory):
    """Build a small seeded BERT for a task and return its folder."""

    def build(task: str):
        import tiny_models  # noqa: PLC0415  # torch is only for the tests that export

        return tiny_models.build(tmp_path_factory.mktemp(task), "bert", task)

    return build


@pytest.fixture
def site(tmp_path):
    """A fake cluster over HTTP, for operators as processes."""
    from operator_process import Site  # noqa: PLC0415  # the cluster client is only for the tests of the operator

    with ExitStack() as stack:
        yield Site(stack, tmp_path)
