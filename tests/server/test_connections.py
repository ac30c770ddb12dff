"""Clients that go, stall or say nothing: the others notice none of it."""

import socket
import time

import pytest

from serving import serving, until
from wire import BODY, answer, head, one_answer, trickle

PATIENCE = 2


@pytest.fixture(scope="module")
def impatient(tiny, tmp_path_factory):
    """A server that gives its clients two seconds."""
    folder = tmp_path_factory.mktemp("impatient")
    with serving(tiny("FeatureExtraction"), folder, client_seconds=PATIENCE) as served:
        yield served


def alone(served):
    """Wait until there is no connection but the one that asks."""
    until(lambda: served.metric("tracedmodel_connections") == 1, served)


@pytest.mark.parametrize(
    "sent",
    [b"POST /v2", head(100)[:-2], head(len(BODY)) + BODY[:5], head(len(BODY)) + BODY],
    ids=["in its first line", "in its headers", "in its body", "before its answer"],
)
def test_clients_that_go_are_forgotten(impatient, sent):
    for _ in range(50):
        with impatient.connect() as client:
            client.sendall(sent)
    alone(impatient)
    assert impatient.metric("tracedmodel_queue_texts") == 0
    assert impatient.infer("hello").status_code == 200


def test_a_client_that_sends_its_request_drop_by_drop_is_told_that_it_is_too_slow(impatient):
    """Connections without a request are none of these: they may be silent for much longer."""
    with impatient.connect() as silent, impatient.connect() as kept, impatient.connect() as slow:
        kept.sendall(head(len(BODY)) + BODY)
        assert one_answer(kept) == 200
        start = time.monotonic()
        slow.sendall(b"POST /v2 HTTP/1.1\r\n")
        status, document = trickle(slow, b"X-Drop: 1\r\n")
        assert (status, document) == (408, {"error": "the headers did not come within 2 seconds"})
        # A loop's clock is as old as its turn, so that the moment may come a little early.
        assert time.monotonic() - start > PATIENCE / 2
        with impatient.connect() as slow_body:
            slow_body.sendall(head(10_000))
            status, document = trickle(slow_body, b" ")
        assert (status, document) == (408, {"error": "the body did not come within 2 seconds"})
        for connection in (silent, kept):
            connection.sendall(head(len(BODY)) + BODY)
            assert one_answer(connection) == 200
    for route in ("unknown", "predict"):
        name = f'tracedmodel_requests_total{{code="408",route="{route}"}}'
        assert impatient.metric(name) == 1


def test_the_rest_of_a_refused_body_is_not_waited_for_without_end(impatient):
    with impatient.connect() as client:
        client.sendall(head(10_000, path="/nowhere"))
        assert one_answer(client) == 404
        assert trickle(client, b" ") is None


def test_a_client_that_does_not_read_its_answers_is_cut_off(impatient):
    with impatient.connect() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(1)
        with pytest.raises((TimeoutError, ConnectionError)):
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 1_000_000)
        alone(impatient)


def test_an_idle_connection_closes_in_the_end(tiny, tmp_path):
    with (
        serving(tiny("FeatureExtraction"), tmp_path, idle_seconds=1) as served,
        served.connect() as silent,
        served.connect() as kept,
        served.connect() as blank,
    ):
        kept.sendall(head(len(BODY)) + BODY)
        assert one_answer(kept) == 200
        blank.sendall(b"\r\n")
        assert [one.recv(1) for one in (silent, kept, blank)] == [b"", b"", b""]


def test_headers_without_end_are_refused(impatient):
    with impatient.connect() as client:
        client.sendall(b"POST /v2 HTTP/1.1\r\nX-Long: ")
        client.sendall(b"x" * 70_000)
        status, document = answer(client)
    assert (status, document) == (431, {"error": "the headers are larger than 65536 bytes"})


@pytest.mark.parametrize(
    "data", [b"hello\r\n\r\n", b"\x16\x03\x01\x02\x00", b"GET / SPDY/9\r\n\r\n"]
)
def test_what_is_no_http_is_told_so(impatient, data):
    with impatient.connect() as client:
        client.sendall(data)
        status, document = answer(client)
    assert (status, list(document)) == (400, ["error"])


@pytest.mark.parametrize("cut", [0, 40, -1], ids=["whole", "within its headers", "within its body"])
def test_a_client_that_offers_another_protocol_is_answered_in_this_one(impatient, cut):
    more = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk")
    data = head(len(BODY), *more) + BODY
    with impatient.connect() as client:
        client.sendall(data[:cut])
        before = impatient.metric("tracedmodel_connections")
        assert before >= 1
        client.sendall(data[cut:])
        status, document = answer(client)
    assert (status, list(document)) == (200, ["predictions"])
    with impatient.connect() as client:
        client.sendall(
            b"GET /v2 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        )
        assert answer(client)[0] == 200


def test_requests_in_a_row_on_one_connection_are_answered_in_their_order(impatient):
    with impatient.connect() as client:
        other = head(2, path="/nowhere") + b"{}"
        client.sendall((head(len(BODY)) + BODY + other) * 5)
        assert [one_answer_of(client) for _ in range(10)] == [200, 404] * 5


def one_answer_of(connection):
    """Return the status of the next answer, read byte by byte, since others follow at once."""
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        data += connection.recv(1)
    line = next(line for line in data.split(b"\r\n") if line.lower().startswith(b"content-length"))
    missing = int(line.split(b":")[1])
    while missing:
        missing -= len(connection.recv(missing))
    return int(data.split()[1])
