import pytest

from tracedmodel_api.report import Failure
from tracedmodel_server.settings import read_settings

NEEDED = {"model_name": "m", "store_url": "file:///s", "index_file": "/i"}


def test_the_environment_fills_what_is_not_given(monkeypatch):
    monkeypatch.setenv("TRACEDMODEL_MODEL_NAME", "minilm")
    monkeypatch.setenv("TRACEDMODEL_STORE_URL", "s3://a/b")
    monkeypatch.setenv("TRACEDMODEL_INDEX_FILE", "/index/index.json")
    monkeypatch.setenv("TRACEDMODEL_PORT", "9000")
    settings = read_settings(port=None)
    assert (settings.model_name, settings.port) == ("minilm", 9000)
    assert read_settings(port="9001").port == 9001


def test_an_empty_variable_is_one_that_is_not_set(monkeypatch):
    monkeypatch.setenv("TRACEDMODEL_ARTIFACT_DIGEST", "")
    assert read_settings(**NEEDED).artifact_digest is None


@pytest.mark.parametrize("name", NEEDED)
def test_what_is_missing_is_named_by_its_variable(name):
    with pytest.raises(Failure, match=f"TRACEDMODEL_{name.upper()}: Field required") as failed:
        read_settings(**{**NEEDED, name: None})
    assert failed.value.reason.name == "InvalidRequest"


def test_what_is_wrong_is_shown():
    with pytest.raises(Failure, match=r"TRACEDMODEL_WORKERS: .*greater.*\(given: '0'\)"):
        read_settings(**NEEDED, workers="0")


def test_a_request_is_never_larger_than_the_queue():
    assert read_settings(**NEEDED).most_texts() == 1024
    assert read_settings(**NEEDED, max_queued_requests=10).most_texts() == 10


def test_threads_are_shared_out_to_workers(monkeypatch):
    monkeypatch.setattr("tracedmodel_server.settings.available", lambda: 7)
    assert read_settings(**NEEDED, workers=2).threads_per_worker() == 3
    assert read_settings(**NEEDED, workers=9).threads_per_worker() == 1
    assert read_settings(**NEEDED, threads=5).threads_per_worker() == 5
