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
    with pytest.raises(Failure, match=rf"\(\$TRACEDMODEL_{name.upper()}\) must be set") as failed:
        read_settings(**{**NEEDED, name: None})
    assert failed.value.reason.name == "InvalidRequest"


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("workers", "0", "--workers ($TRACEDMODEL_WORKERS) should be greater than or equal to 1, given is '0'"),
        ("port", "abc", "--port ($TRACEDMODEL_PORT) should be a valid integer, given is 'abc'"),
        ("drain_seconds", "soon", "--drain ($TRACEDMODEL_DRAIN_SECONDS) should be a valid number, given is 'soon'"),
        ("log_format", "xml", "--log-format ($TRACEDMODEL_LOG_FORMAT) should be 'json' or 'text', given is 'xml'"),
        ("access_log", "perhaps", "$TRACEDMODEL_ACCESS_LOG should be a valid boolean, given is 'perhaps'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_by_option_and_variable(name, value, sentence):
    with pytest.raises(Failure) as failed:
        read_settings(**NEEDED, **{name: value})
    assert str(failed.value) == sentence


def test_a_request_is_never_larger_than_the_queue():
    assert read_settings(**NEEDED).most_texts() == 1024
    assert read_settings(**NEEDED, max_queued_requests=10).most_texts() == 10


def test_all_bodies_together_may_take_no_less_than_one():
    assert read_settings(**NEEDED).most_bodies_bytes() == 64 * 2**20
    assert read_settings(**NEEDED, max_body_bytes=10**9).most_bodies_bytes() == 10**9


def test_threads_are_shared_out_to_workers(monkeypatch):
    monkeypatch.setattr("tracedmodel_server.settings.available", lambda: 7)
    assert read_settings(**NEEDED).threads_of_each(2) == 3
    assert read_settings(**NEEDED).threads_of_each(9) == 1
    assert read_settings(**NEEDED, threads=5).threads_of_each(2) == 5
