"""What servers proved on their devices comes into the status; that it cannot be read is no failure."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import pods
from resources import World, report, row
from tracedmodel_api.buckets import Bucket
from tracedmodel_operator.plan import make_plan
from tracedmodel_operator.proofs import Measured, ProofReader, parse, pod_to_ask, read_proofs
from tracedmodel_operator.status import make_status

BUCKET = {
    "digest": "d" * 64,
    "maxAbsoluteError": 0.0123456,
    "agreement": 0.998765,
    "p50Microseconds": 7900,
    "p99Microseconds": 8100,
    "workers": [],
}
MEASURED = Measured(0.0123456, 0.998765, 7900, 8100)


@contextmanager
def answering(status, body):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status if self.path == "/proof" else 404)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def asked(port):
    return asyncio.run(read_proofs("127.0.0.1", port))


def test_a_pod_is_asked_for_what_it_proved():
    with answering(200, json.dumps({"buckets": [BUCKET]}).encode()) as port:
        assert asked(port) == {"d" * 64: MEASURED}


def test_a_proof_that_comes_in_many_parts_is_read_to_its_end():
    buckets = [{**BUCKET, "digest": f"{number:064}"} for number in range(5000)]
    with answering(200, json.dumps({"buckets": buckets}).encode()) as port:
        assert len(asked(port)) == 5000


def test_what_is_larger_than_any_proof_gives_no_figures():
    with answering(200, b" " * 2**20 + json.dumps({"buckets": [BUCKET]}).encode()) as port:
        assert asked(port) == {}


@pytest.mark.parametrize(
    ("status", "body"), [(503, b"{}"), (200, b"no JSON"), (200, b"[]"), (302, b""), (200, b"")]
)
def test_a_pod_that_answers_otherwise_gives_no_figures(status, body):
    with answering(status, body) as port:
        assert asked(port) == {}


def test_a_pod_that_cannot_be_reached_gives_no_figures():
    with answering(200, b"{}") as port:
        pass
    assert asked(port) == {}
    assert asyncio.run(read_proofs("::1", port)) == {}


@pytest.mark.parametrize(
    "document",
    [None, {}, {"buckets": None}, {"buckets": [{}]}, {"buckets": [{**BUCKET, "agreement": "x"}]}],
)
def test_a_document_that_is_no_proof_has_no_figures(document):
    assert parse(document) == {}


def in_service(**figures):
    """Return a world whose one server is ready and has an address; ``figures`` are those of the export."""
    world = World()
    world.turn()
    rows = tuple(row(bucket, **figures) for bucket in (Bucket(1, 32), Bucket(8, 128)))
    world.finish(report(rows=rows))
    world.settle()
    world.server_pod({**pods.READY, "podIP": "10.0.0.7"})
    return world


def on_a_device():
    return in_service(error=None, agreement=None, p50=None, p99=None, eager_p50=None)


def test_figures_stand_in_the_status_and_stay_when_nobody_can_be_asked_any_more():
    world = on_a_device()
    observation = world.observe()
    plan = make_plan(world.resource, observation, world.settings)
    assert pod_to_ask(observation, plan).address == "10.0.0.7"
    digest = plan.artifact.report.rows[0].digest
    status = make_status(world.resource, observation, plan, {digest: MEASURED})
    bucket = status.artifact.buckets[0]
    assert (bucket.max_absolute_error, bucket.agreement) == ("0.012", "0.9988")
    assert (bucket.latency.p50_microseconds, bucket.latency.p99_microseconds) == (7900, 8100)
    later = world.resource.model_copy(update={"status": status})
    again = make_status(later, observation, plan)
    assert again.artifact == status.artifact


def test_an_export_that_measured_needs_no_server_to_be_asked():
    world = in_service()
    observation = world.observe()
    assert pod_to_ask(observation, make_plan(world.resource, observation, world.settings)) is None


def test_nobody_is_asked_before_the_artifact_is_served():
    async def read(address, port):
        raise AssertionError((address, port))

    world = World()
    observation = world.observe()
    plan = make_plan(world.resource, observation, world.settings)
    reader = ProofReader(read, 8080)
    assert asyncio.run(reader.of(("search", "minilm"), observation, plan)) == {}


def test_a_rollout_is_asked_about_once():
    world = on_a_device()
    observation = world.observe()
    plan = make_plan(world.resource, observation, world.settings)
    calls = []

    async def read(address, port):
        calls.append((address, port))
        return {}

    reader = ProofReader(read, 8080)
    key = ("search", "minilm")
    assert asyncio.run(reader.of(key, observation, plan)) == {}
    assert asyncio.run(reader.of(key, observation, plan)) == {}
    assert calls == [("10.0.0.7", 8080)]
    reader.forget(key)
    asyncio.run(reader.of(key, observation, plan))
    assert len(calls) == 2
