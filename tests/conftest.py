import socket

import pytest
from hypothesis import settings

# How long an example takes says something of the machine, not of the code.
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")


@pytest.fixture
def free_port():
    """A port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
