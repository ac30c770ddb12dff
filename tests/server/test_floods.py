"""What is too much: bodies too large or too many at once, connections by the thousand. Memory stays, others are answered."""

import contextlib
import resource
import select

import pytest

from serving import serving, starting, until
from wire import BODY, INFER, head, one_answer

MIB = 2**20


def test_a_hundred_megabytes_are_refused_before_they_come(embedder):
    before = embedder.memory()
    for _ in range(5):
        with embedder.connect() as client:
            client.sendall(head(100 * MIB))
            assert one_answer(client) == 413
    chunk = b"10000\r\n" + b" " * 2**16 + b"\r\n"
    with embedder.connect() as client:
        client.sendall(
            f"POST {INFER} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )
        for _ in range(100 * MIB // 2**16):
            client.sendall(chunk)
        assert one_answer(client) == 413
    assert embedder.memory() - before < 48 * MIB


def test_large_bodies_of_many_clients_are_refused_before_they_fill_the_memory(tiny, tmp_path):
    """Twenty send fifteen of sixteen megabytes and then nothing: there is room for four, the others are told at once."""
    with serving(tiny("FeatureExtraction"), tmp_path) as served, contextlib.ExitStack() as stack:
        before = served.memory()
        clients = [stack.enter_context(served.connect()) for _ in range(20)]
        for client in clients:
            client.sendall(head(16 * MIB) + b" " * (15 * MIB))
        until(lambda: len(select.select(clients, [], [], 0)[0]) == 16, served)
        reply = clients[-1].recv(2**16).decode().lower()
        assert reply.startswith("http/1.1 429 ")
        assert "retry-after: 1\r\n" in reply
        assert "all requests together have room for 67108864 bytes: try again later" in reply
        assert served.metric("tracedmodel_body_bytes") == 60 * MIB
        assert served.memory() - before < 160 * MIB
        assert served.infer("hello").status_code == 200
        stack.close()
        until(lambda: served.metric("tracedmodel_body_bytes") == 0, served)
        with served.connect() as client:
            client.sendall(head(16 * MIB) + b" " * (16 * MIB - len(BODY)) + BODY)
            assert one_answer(client) == 200


@pytest.fixture
def many_files():
    """Let this process open files enough for ten thousand connections, and the limit that it found."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[1] != resource.RLIM_INFINITY and before[1] < 10_500:
        pytest.skip(f"NOT TESTED WITH 10,000 CONNECTIONS: this machine allows {before[1]} files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("many_files")
def test_ten_thousand_idle_connections_hinder_neither_start_nor_answers_nor_end(tiny, tmp_path):
    with starting(tiny("FeatureExtraction"), tmp_path) as served:
        served.listen()
        idle = [served.connect() for _ in range(10_000)]
        try:
            served.ready()
            until(lambda: served.metric("tracedmodel_connections") > 10_000, served)
            for number in range(20):
                assert served.infer(f"text {number}").status_code == 200
            assert served.terminate() == 0
        finally:
            for connection in idle:
                connection.close()


def test_where_files_are_few_idle_connections_make_room_for_new_ones(tiny, tmp_path):
    with serving(tiny("FeatureExtraction"), tmp_path, files=600) as served:
        idle = [served.connect() for _ in range(1000)]
        for _ in range(20):
            with served.connect() as client:
                client.sendall(head(len(BODY)) + BODY)
                assert one_answer(client) == 200
        assert served.metric("tracedmodel_connections") <= 345
        for connection in idle:
            connection.close()
