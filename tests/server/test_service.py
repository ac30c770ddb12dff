"""A request's way through the service, where the way through HTTP does not show it."""

import numpy as np
import pytest

from inside import Inside
from tracedmodel_api.report import Failure
from tracedmodel_server.errors import NotReady
from tracedmodel_server.request import Request, Text
from tracedmodel_server.tasks import handler_for


@pytest.fixture
def fresh(tiny, tmp_path):
    """A service of the test's own."""
    made = Inside(tiny("TextClassification"), tmp_path, batch_seconds=0.05)
    yield made
    made.close()


def test_a_service_without_a_model_is_alive_and_not_ready(fresh):
    assert (fresh.service.live, fresh.service.ready) == (True, False)
    assert fresh.predict("hello").json() == {"error": "model tiny is loading: try again later"}
    assert fresh.get("/v2/health/ready").status_code == 503
    assert fresh.get("/v2/health/live").status_code == 200


def test_much_text_is_tokenized_in_a_thread_and_answered_alike(fresh):
    fresh.start()
    few = fresh.predict("the river " * 5).json()["predictions"][0]
    many = fresh.predict(*["the river " * 5] * 600)
    assert many.status_code == 200
    assert [one["label"] for one in many.json()["predictions"]] == [few["label"]] * 600


def test_an_output_that_is_no_number_is_a_fault_of_the_model(fresh, monkeypatch):
    fresh.start()
    run = fresh.service.engine.workers.run

    async def spoiled(bucket, items):
        return await run(bucket, items, lambda _, row: tuple(part * np.nan for part in row))

    monkeypatch.setattr(fresh.service.engine._watched, "_run", spoiled)
    reply = fresh.predict("hello")
    assert (reply.status_code, reply.json()["error"]) == (
        500,
        "the model's output for text 0 has NaN or infinity",
    )


def test_a_request_that_was_tokenized_while_the_model_got_stuck_is_not_queued(fresh, monkeypatch):
    engine = fresh.start().service.engine
    prepare = engine.encoder.prepare

    def slow(items, *, truncate):
        engine.stuck = True
        return prepare(items, truncate=truncate)

    monkeypatch.setattr(engine.encoder, "prepare", slow)
    with pytest.raises(NotReady, match="the model is stuck"):
        fresh.run(fresh.service.answer(Request([Text("hello")])))
    assert len(engine.batcher) == 0
    assert (fresh.service.live, fresh.service.ready) == (False, False)


def test_a_proof_names_every_bucket_and_worker(fresh):
    proof = fresh.start().get("/proof").json()
    assert [(b["batchSize"], b["sequenceLength"]) for b in proof["buckets"]] == [
        (1, 16),
        (1, 64),
        (4, 16),
        (4, 64),
    ]
    assert all(len(bucket["workers"]) == 1 for bucket in proof["buckets"])
    assert "tracedmodel_ready 1.0" in fresh.get("/metrics").text


def test_a_task_that_is_not_served_yet_is_told(inside):
    card = inside().artifact.card.model_copy(update={"task": NotServed()})
    with pytest.raises(Failure) as caught:
        handler_for(card, None)
    assert caught.value.reason.name == "FormatUnsupported"
    assert "does not serve task Painting" in str(caught.value)


class NotServed:
    """A task of a later version."""

    value = "Painting"
