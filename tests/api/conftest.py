import itertools
import sys

import pytest

from faulty_store import behind, faults  # noqa: F401  # fixtures
from s3_server import make_bucket, s3_server, use_server
from tracedmodel_api.store import Store

# Both judge manifests by CEL, and its evaluator has no wheel for Python 3.10.
collect_ignore = ["test_crd.py", "test_types.py"] if sys.version_info < (3, 11) else []
_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def s3_endpoint():
    with s3_server() as endpoint:
        yield endpoint


@pytest.fixture(params=["folder", "s3"])
def store_url(request, tmp_path, monkeypatch):
    """Return the URL of an empty store: every test runs on a folder and on S3."""
    if request.param == "folder":
        return f"file://{tmp_path}/the%20store"
    endpoint = request.getfixturevalue("s3_endpoint")
    use_server(monkeypatch, endpoint)
    bucket = f"models-{next(_NUMBERS)}"
    make_bucket(endpoint, bucket)
    return f"s3://{bucket}/traced"


@pytest.fixture
def store(store_url):
    return Store(store_url)
