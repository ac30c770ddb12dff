"""An S3 bucket behind a proxy that does as told, for tests of what uses it."""

from contextlib import contextmanager

import pytest

from faulty import faulty
from s3_server import make_bucket, use_server
from tracedmodel_api import objects


class FaultyStore:
    """The bucket's URL, and the proxy before it."""

    def __init__(self, endpoint, bucket, faults):
        self.url = f"s3://{bucket}"
        self._endpoint = endpoint
        self._faults = faults

    @contextmanager
    def used(self, monkeypatch):
        """Point the environment to the proxy and yield its faults: nothing is wrong before, and nothing after."""
        use_server(monkeypatch, self._endpoint)
        # As often as it is, but sooner.
        monkeypatch.setitem(objects._BACKOFF, "init_backoff", objects.timedelta(milliseconds=1))
        monkeypatch.setitem(objects._BACKOFF, "max_backoff", objects.timedelta(milliseconds=5))
        self._faults.clear()
        try:
            yield self._faults
        finally:
            self._faults.clear()


@contextmanager
def faulty_store(endpoint, bucket):
    """Make a bucket on the server at a URL, and run a proxy before it."""
    make_bucket(endpoint, bucket)
    with faulty(endpoint) as (proxy, faults):
        yield FaultyStore(proxy, bucket, faults)


@pytest.fixture(scope="session")
def behind(s3_endpoint):
    """A bucket behind a proxy, for all tests of a part."""
    with faulty_store(s3_endpoint, "faulty") as store:
        yield store


@pytest.fixture
def faults(behind, monkeypatch):
    """What will go wrong; nothing yet."""
    with behind.used(monkeypatch) as faults:
        yield faults
