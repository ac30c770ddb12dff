"""The consumer of examples/autoscaling/queue asks until there is an answer, and keeps a message until then."""

import importlib.util
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import pytest

import from_zero

QUESTION, ANSWER = b'{"instances": ["hello"]}', b'{"predictions": [[1.0]]}'
OK = (200, {}, ANSWER)


class Answers(BaseHTTPRequestHandler):
    """Gives one answer after the other, and keeps what was asked."""

    def do_POST(self):
        self.server.asked.append(self.rfile.read(int(self.headers["Content-Length"])))
        code, headers, body = self.server.answers.pop(0)
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


class Model(HTTPServer):
    """A model of which nothing runs, until it is woken."""

    def __init__(self):
        # Bound, so that nobody takes the port, but deaf: connections are refused.
        super().__init__(("127.0.0.1", 0), Answers, bind_and_activate=False)
        self.server_bind()
        self.url = f"http://127.0.0.1:{self.server_address[1]}/v1/models/minilm:predict"
        self.asked = []
        self.answers = []
        self._thread = None

    def wake(self, *answers):
        self.answers += answers
        self.server_activate()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self._thread.start()

    def end(self):
        if self._thread is not None:
            self.shutdown()
            self._thread.join()
        self.server_close()


@pytest.fixture
def model(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    server = Model()
    yield server
    server.end()


class Rabbit:
    """As much of pika as the consumer asks for, with messages of its own; keeps what is done in its order."""

    def __init__(self, *messages):
        self.done = []
        self.slept = lambda _: None
        self._messages = messages

    def URLParameters(self, url):  # noqa: N802  # pika's name
        return url

    def BlockingConnection(self, url):  # noqa: N802  # pika's name
        self.done.append(("connected", url))
        return SimpleNamespace(channel=lambda: self, sleep=self._sleep)

    def BasicProperties(self, correlation_id):  # noqa: N802  # pika's name
        return correlation_id

    def _sleep(self, seconds):
        self.done.append(("slept", seconds))
        self.slept(seconds)

    def queue_declare(self, queue, *, durable):
        assert durable
        self.done.append(("declared", queue))

    def basic_qos(self, *, prefetch_count):
        assert prefetch_count == 1

    def consume(self, _queue):
        for tag, (body, reply_to) in enumerate(self._messages):
            properties = SimpleNamespace(reply_to=reply_to, correlation_id=f"id-{tag}")
            yield SimpleNamespace(delivery_tag=tag), properties, body

    def basic_publish(self, exchange, queue, body, properties):
        self.done.append(("published", exchange, queue, body, properties))

    def basic_ack(self, tag):
        self.done.append(("acknowledged", tag))


@pytest.fixture
def consumer(monkeypatch, model):
    """Return what loads the consumer with a pika of the test's own."""

    def load(rabbit):
        monkeypatch.setitem(sys.modules, "pika", rabbit)
        monkeypatch.setenv("AMQP_URL", "amqp://rabbitmq")
        monkeypatch.setenv("QUEUE", "search.minilm")
        monkeypatch.setenv("MODEL_URL", model.url)
        file = from_zero.FOLDER / "queue" / "consumer.py"
        spec = importlib.util.spec_from_file_location("consumer", file)
        loaded = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(loaded)
        return loaded

    return load


def test_a_message_waits_for_the_first_replica_and_is_acknowledged_once_it_is_answered(
    model, consumer
):
    rabbit = Rabbit((QUESTION, "answers"))
    rabbit.slept = lambda seconds: model.wake(OK) if seconds == 4.0 else None
    consumer(rabbit).main()
    assert model.asked == [QUESTION]
    assert rabbit.done == [
        ("connected", "amqp://rabbitmq"),
        ("declared", "search.minilm"),
        *[("slept", seconds) for seconds in (1.0, 2.0, 4.0)],
        ("published", "", "answers", ANSWER, "id-0"),
        ("acknowledged", 0),
    ]


def test_a_message_that_wants_no_answer_is_asked_all_the_same(model, consumer):
    rabbit = Rabbit((QUESTION, None), (QUESTION, None))
    model.wake(OK, OK)
    consumer(rabbit).main()
    assert model.asked == [QUESTION, QUESTION]
    assert rabbit.done[2:] == [("acknowledged", 0), ("acknowledged", 1)]


@pytest.mark.parametrize("code", [429, 503])
def test_a_server_that_is_full_or_leaving_is_asked_again_when_it_says(code, model, consumer):
    slept = []
    model.wake((code, {"Retry-After": "7"}, b""), (code, {}, b""), OK)
    assert consumer(Rabbit()).ask(model.url, QUESTION, slept.append) == ANSWER
    assert slept == [7.0, 14.0]


def test_what_the_model_says_of_a_request_that_it_cannot_answer_is_the_answer(model, consumer):
    said = b'{"error": "instances is missing"}'
    model.wake((400, {}, said))
    assert consumer(Rabbit()).ask(model.url, b"{}", pytest.fail) == said


def test_it_never_waits_long_enough_to_leave_a_ready_replica_idle(model, consumer):
    slept = []
    loaded = consumer(Rabbit())

    def sleep(seconds):
        slept.append(seconds)
        if len(slept) == 8:
            model.wake(OK)

    assert loaded.ask(model.url, QUESTION, sleep) == ANSWER
    assert max(slept) == loaded.LONGEST_WAIT_SECONDS == slept[-1]
