"""Where errors become replies: nothing that goes wrong inside is a reply without a sentence."""

import asyncio
import json

import pytest

from serving import MODEL
from tracedmodel_server.app import App, Route
from tracedmodel_server.bodies import BodyLimits, Room
from tracedmodel_server.errors import ModelFault, NotReady, Overloaded, TooSlow
from tracedmodel_server.exchange import ClientGone, json_reply
from tracedmodel_server.metrics import Metrics
from tracedmodel_server.service import Service, State
from tracedmodel_server.settings import Settings


class Asked:
    """An application with one route that does what it is told, and what it sent."""

    def __init__(self, outcome):
        settings = Settings(model_name=MODEL, store_url="file:///nowhere", index_file="/nowhere")
        self.metrics = Metrics()
        self.service = Service(settings, self.metrics)
        self.sent = []

        async def handle(_exchange):
            if isinstance(outcome, BaseException):
                raise outcome
            return json_reply(outcome)

        routes = {"/it": Route("GET", "it", handle)}
        self.app = App(self.service, self.metrics, routes, BodyLimits(1000, 60, Room(1000)))

    def get(self, path="/it", method="GET", kind="http"):
        async def send(message):
            self.sent.append(message)

        scope = {"type": kind, "path": path, "method": method, "headers": []}
        asyncio.run(self.app(scope, asyncio.Event().wait, send))
        self.service.close()
        return self

    @property
    def status(self):
        return self.sent[0]["status"]

    @property
    def headers(self):
        return dict(self.sent[0]["headers"])

    @property
    def document(self):
        return json.loads(self.sent[1]["body"])


@pytest.mark.parametrize(
    ("outcome", "status", "sentence"),
    [
        (ModelFault("the model failed"), 500, "the model failed"),
        (NotReady("the model is loading"), 503, "the model is loading"),
        (TooSlow("the body is slow"), 408, "the body is slow"),
        (Overloaded("no room", 7), 429, "no room"),
        (KeyError("secret"), 500, "a fault of the server, told in its log"),
        (asyncio.CancelledError(), 503, "the server ends before this was answered: ask again"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_every_error_is_a_status_and_a_sentence(outcome, status, sentence):
    asked = Asked(outcome).get()
    assert (asked.status, asked.document) == (status, {"error": sentence})


def test_who_is_told_to_come_later_is_told_when():
    assert Asked(Overloaded("no room", 7)).get().headers[b"retry-after"] == b"7"


def test_who_was_too_slow_is_not_read_any_longer():
    assert Asked(TooSlow("slow")).get().headers[b"connection"] == b"close"


def test_a_client_that_went_is_counted_and_not_answered():
    asked = Asked(ClientGone()).get()
    assert asked.sent == []
    line = 'tracedmodel_requests_total{code="499",route="it"} 1.0'
    assert line in asked.metrics.render().decode()


def test_the_head_alone_may_be_asked_for_and_a_slash_at_the_end_is_forgiven():
    assert Asked({"a": 1}).get("/it/", "HEAD").status == 200


def test_another_method_is_told_the_right_one():
    asked = Asked({"a": 1}).get(method="PUT")
    assert (asked.status, asked.headers[b"allow"]) == (405, b"GET")


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("/else", "there is nothing at '/else'"),
        ("/v2/models/other/infer", "no model 'other' here, only 'tiny'"),
        ("/v1/models/tiny/versions/9/ready", "has version '1' alone, asked is '9/ready'"),
        ("/v1/models/tiny/else", "there is nothing at '/v1/models/tiny/else'"),
    ],
)
def test_what_is_not_there_is_told_as_far_as_it_was_understood(path, part):
    asked = Asked({}).get(path)
    assert asked.status == 404
    assert part in asked.document["error"]


def test_connections_end_with_their_answer_while_the_server_drains():
    asked = Asked({"a": 1})
    asked.service.unready()
    assert asked.get().headers[b"connection"] == b"close"
    assert asked.service.state is State.DRAINING


def test_another_protocol_than_http_is_not_spoken():
    with pytest.raises(RuntimeError, match="websocket is not spoken here"):
        Asked({}).get(kind="websocket")
