"""A model that raises, hangs or dies, and a store that does: what clients, probes and the kubelet see of it."""

import contextlib
import http.client
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from serving import FAULTY, serving, starting, until
from tiny_artifacts import export


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    """An artifact with batches of one and of four."""
    return export(
        tmp_path_factory.mktemp("faults"), "bert", "TextClassification", [(1, 16), (4, 16)]
    )


@pytest.fixture
def gate(tmp_path, monkeypatch):
    """A file that lets go what hangs."""
    path = tmp_path / "gate"
    monkeypatch.setenv("FAULTY_GATE", str(path))
    return path


def faulty(artifact, folder, **settings):
    return serving(artifact, folder, program=FAULTY, **settings)


def code_of(served, path):
    return served.client.get(path).status_code


@contextlib.contextmanager
def hanging(served):
    """Let a request hang, and yield its future."""
    with ThreadPoolExecutor(1) as pool:
        name = 'tracedmodel_batch_texts_count{bucket="1x16"}'
        before = served.metric(name)
        future = pool.submit(served.predict, "hang")
        until(lambda: served.metric(name) > before or future.done(), served)
        yield future


def test_a_batch_that_fails_is_told_to_its_callers_and_to_nobody_else(artifact, tmp_path):
    with faulty(artifact, tmp_path) as served:
        for fault, sentence in (
            ("raise", "the model failed: RuntimeError: the device is gone"),
            ("exit", "the model failed: RuntimeError: the worker was told to end by SystemExit"),
        ):
            reply = served.predict(fault)
            assert (reply.status_code, reply.json()) == (500, {"error": sentence})
            assert served.predict("fine").status_code == 200
        assert code_of(served, "/v2/health/ready") == code_of(served, "/v2/health/live") == 200
        assert served.metric("tracedmodel_ready") == 1


def test_a_model_that_hangs_withdraws_the_server_until_it_comes_back(artifact, tmp_path, gate):
    with (
        faulty(artifact, tmp_path, batch_seconds=1) as served,
        ThreadPoolExecutor(4) as pool,
        hanging(served) as first,
    ):
        waiting = [pool.submit(served.predict, f"text {number}") for number in range(4)]
        for reply in (first.result(), *(one.result() for one in waiting)):
            assert reply.status_code == 503
            assert "stuck, a batch has run for more than 1 seconds" in reply.json()["error"]
        assert code_of(served, "/v2/health/ready") == code_of(served, "/v2/health/live") == 503
        assert served.predict("another").status_code == 503
        assert served.metric("tracedmodel_stuck") == 1
        assert served.metric("tracedmodel_ready") == 0
        gate.touch()
        until(lambda: code_of(served, "/v2/health/ready") == 200, served)
        assert code_of(served, "/v2/health/live") == 200
        assert served.predict("fine").status_code == 200
        assert served.metric("tracedmodel_stuck") == 0
        messages = [event["message"] for event in served.events()]
        assert messages.index("stuck") < messages.index("no longer stuck")


def test_one_worker_of_two_that_hangs_withdraws_the_server_too(artifact, tmp_path, gate):
    """Nothing less than a new process gets its core back."""
    settings = {"batch_seconds": 1, "workers": 2}
    with faulty(artifact, tmp_path, **settings) as served, hanging(served) as first:
        assert served.predict("the other worker").status_code in {200, 503}
        assert first.result().status_code == 503
        assert code_of(served, "/v2/health/ready") == code_of(served, "/v2/health/live") == 503
        gate.touch()
        until(lambda: code_of(served, "/v2/health/ready") == 200, served)
        assert served.predict("fine").status_code == 200


def test_a_server_whose_model_hangs_ends_all_the_same(artifact, tmp_path, gate):
    assert not gate.exists()
    with faulty(artifact, tmp_path, grace_seconds=1) as served, hanging(served) as first:
        assert served.terminate() == 0
        assert first.result().status_code == 503
        assert "the server ends" in first.result().json()["error"]


def test_a_server_whose_store_hangs_ends_all_the_same(artifact, tmp_path, gate, monkeypatch):
    monkeypatch.setenv("FAULTY_STORE", "yes")
    assert not gate.exists()
    with starting(artifact, tmp_path, program=FAULTY) as served:
        served.listen()
        assert code_of(served, "/v2/health/live") == 200
        assert served.terminate() == 0


def test_a_model_that_dies_ends_the_process(artifact, tmp_path):
    with faulty(artifact, tmp_path) as served:
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
        connection.request("POST", "/v1/models/tiny:predict", '{"instances": ["die"]}')
        with pytest.raises(ConnectionError):
            connection.getresponse()
        connection.close()
        assert served.process.wait(60) < 0


def test_a_full_queue_is_told_at_once_though_nothing_moves(artifact, tmp_path, gate):
    settings = {"max_queued_requests": 2, "max_delay_milliseconds": 0}
    with (
        faulty(artifact, tmp_path, **settings) as served,
        ThreadPoolExecutor(2) as pool,
        hanging(served) as first,
    ):
        waiting = [pool.submit(served.predict, "waits") for _ in range(2)]
        until(lambda: served.metric("tracedmodel_queue_texts") == 2, served)
        for _ in range(50):
            reply = served.predict("one more")
            assert reply.status_code == 429
            assert int(reply.headers["retry-after"]) >= 1
        gate.touch()
        assert {one.result().status_code for one in (first, *waiting)} == {200}


def test_what_was_accepted_is_answered_after_the_door_closed(artifact, tmp_path, gate):
    with (
        faulty(artifact, tmp_path, grace_seconds=60) as served,
        ThreadPoolExecutor(12) as pool,
        hanging(served) as first,
    ):
        waiting = [pool.submit(served.predict, f"text {number}") for number in range(12)]
        until(lambda: served.metric("tracedmodel_queue_texts") == 12, served)
        served.process.terminate()
        until(lambda: is_closed(served), served)
        assert not any(one.done() for one in waiting)
        gate.touch()
        assert {one.result().status_code for one in (first, *waiting)} == {200}
        assert served.process.wait(60) == 0


def is_closed(served):
    try:
        served.connect().close()
    except ConnectionRefusedError:
        return True
    return False


def test_clients_that_go_on_through_the_end_lose_nothing_that_was_accepted(artifact, tmp_path):
    """A connection may be refused, or be closed before it was accepted; one that was answered on is never cut."""
    with serving(artifact, tmp_path, drain_seconds=0.3) as served:
        codes, lost = [], []
        started = threading.Barrier(9)

        def client(number):
            started.wait()
            while ask_until_closed(served.port, number, codes, lost):
                pass

        with ThreadPoolExecutor(8) as pool:
            clients = [pool.submit(client, number) for number in range(8)]
            started.wait()
            until(lambda: len(codes) > 40, served)
            served.process.terminate()
            for one in clients:
                one.result()
        assert set(codes) == {200}
        assert lost == []
        assert served.process.wait(60) == 0


def ask_until_closed(port, number, codes, lost):
    """Ask over one connection until the server closes it; return whether a new one can be had."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    answered = 0
    try:
        while True:
            body = f'{{"instances": ["text {number} {answered}"]}}'
            connection.request("POST", "/v1/models/tiny:predict", body)
            reply = connection.getresponse()
            reply.read()
            codes.append(reply.status)
            answered += 1
            if reply.will_close:
                return True
    except ConnectionError as error:
        if answered:
            lost.append(error)
        return False
    finally:
        connection.close()
