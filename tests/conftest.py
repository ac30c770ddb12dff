import socket
from contextlib import ExitStack

import pytest
from hypothesis import settings

# How long an example takes says something of the machine, not of the code.
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")


def pytest_addoption(parser):
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write the golden files anew, for a person to read",
    )


@pytest.fixture
def update_golden(request):
    return request.config.getoption("--update-golden")


@pytest.fixture
def free_port():
    """A port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def site(tmp_path):
    """A fake cluster over HTTP, for operators as processes."""
    from operator_process import Site  # noqa: PLC0415  # the cluster client is only for the tests of the operator

    with ExitStack() as stack:
        yield Site(stack, tmp_path)
