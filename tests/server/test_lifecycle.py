"""Starts, ends and failures of a real server process."""

import http.client
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import safetensors.torch

from serving import MODEL, ended, serving, starting, until
from tiny_artifacts import export
from tracedmodel_api.canonical import sha256_hex
from tracedmodel_api.report import REASONS, Report


@pytest.fixture
def artifact(tmp_path):
    """An artifact that a test may damage."""
    return export(tmp_path, "bert", "TextClassification", [(1, 16), (4, 16)])


@pytest.fixture(scope="module")
def lasting(tmp_path_factory):
    """An artifact that only ever waits for full batches of four."""
    return export(tmp_path_factory.mktemp("lasting"), "bert", "FeatureExtraction", [(4, 16)])


def graphs(artifact):
    return [artifact.store.graph_by_digest(digest) for digest in artifact.index.graphs]


def blob_file(artifact, digest):
    return artifact.index_file.parent / "store" / "blobs" / "sha256" / digest


def demand(outcome, reason, *parts):
    """Assert the exit code and the report of a reason, and what its sentence names."""
    code, data = outcome
    report = Report.parse(data)
    assert report.reason == reason
    assert code == REASONS[reason].exit_code
    for part in parts:
        assert part in report.message


def test_a_weights_blob_that_was_altered_is_corrupt(artifact, tmp_path):
    digest = graphs(artifact)[0].modules[0].weights.digest
    path = blob_file(artifact, digest)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    demand(ended(artifact, tmp_path), "BlobCorrupt", digest)


def test_a_blob_that_is_not_there_is_missing(artifact, tmp_path):
    digest = graphs(artifact)[0].golden.blob.digest
    blob_file(artifact, digest).unlink()
    demand(ended(artifact, tmp_path), "BlobMissing", digest)


def with_other_weights(artifact, change, path):
    """Return the artifact with weights that were changed and are consistent all the same."""
    found = graphs(artifact)
    old = found[0].modules[0].weights
    file = blob_file(artifact, old.digest)
    with safetensors.safe_open(file, "pt") as opened:
        metadata = opened.metadata()
    tensors = safetensors.torch.load_file(file)
    change(tensors)
    blob = artifact.store.put(safetensors.torch.save(tensors, metadata))
    digests = []
    for graph in found:
        module = graph.modules[0].model_copy(update={"weights": blob})
        digests.append(
            artifact.store.put(graph.model_copy(update={"modules": (module,)}).to_bytes()).digest
        )
    return artifact.with_index(path, graphs=tuple(digests))


def test_other_weights_with_right_digests_fail_the_proof(artifact, tmp_path):
    def change(tensors):
        tensors["model.classifier.bias"] += 0.01

    other = with_other_weights(artifact, change, tmp_path / "other.json")
    demand(ended(other, tmp_path), "ProofFailed", "bucket 1x16", "output logits is off by 0.01")


def test_weights_that_are_no_numbers_are_not_finite(artifact, tmp_path):
    def change(tensors):
        tensors["model.classifier.bias"] += float("nan")

    other = with_other_weights(artifact, change, tmp_path / "other.json")
    demand(ended(other, tmp_path), "NotFinite", "bucket 1x16", "logits")


def test_weights_of_another_shape_cannot_be_loaded(artifact, tmp_path):
    def change(tensors):
        tensors["model.classifier.bias"] = tensors["model.classifier.bias"][:1].clone()

    other = with_other_weights(artifact, change, tmp_path / "other.json")
    demand(ended(other, tmp_path), "LoadFailed", "bucket 1x16", "model.classifier.bias")


@pytest.mark.parametrize(
    ("changes", "reason", "part"),
    [
        ({"revision": "another"}, "ManifestInvalid", "has revision"),
        ({"precision": "BFloat16"}, "ManifestInvalid", "has precision Float32"),
        ({"task": "FillMask"}, "ManifestInvalid", "has task TextClassification"),
        ({"graphs": ()}, "ManifestInvalid", "names no graph"),
        ({"graphs": ("0" * 64,)}, "BlobMissing", "0" * 64),
        ({"files": {}}, "ManifestInvalid", "has files"),
        ({"format_version": 2}, "FormatUnsupported", "format 2"),
    ],
)
def test_an_index_that_is_not_of_its_graphs_is_refused(artifact, tmp_path, changes, reason, part):
    demand(ended(artifact.with_index(tmp_path / "changed.json", **changes), tmp_path), reason, part)


def test_an_index_with_another_digest_than_was_promised_is_refused(artifact, tmp_path):
    outcome = ended(artifact, tmp_path, artifact_digest="0" * 64)
    demand(outcome, "ManifestInvalid", artifact.index.identity(), "0" * 64)


def test_the_promised_digest_is_good(artifact, tmp_path):
    with serving(artifact, tmp_path, artifact_digest=artifact.index.identity()) as served:
        assert served.predict("hello").status_code == 200


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"port": 70000}, "TRACEDMODEL_PORT"),
        ({"model_name": "a/b"}, "TRACEDMODEL_MODEL_NAME"),
        ({"index_file": "/nowhere/index.json"}, "/nowhere/index.json cannot be read"),
        ({"store_url": "ftp://x"}, "ftp://x"),
        ({"artifact_digest": "short"}, "TRACEDMODEL_ARTIFACT_DIGEST"),
        ({"log_format": "xml"}, "TRACEDMODEL_LOG_FORMAT"),
    ],
)
def test_bad_settings_are_named(lasting, tmp_path, settings, part):
    demand(ended(lasting, tmp_path, **settings), "InvalidRequest", part)


def test_a_store_that_does_not_answer_is_told_so(lasting, tmp_path):
    nowhere = tmp_path / "nowhere"
    outcome = ended(lasting, tmp_path, store_url=f"file://{nowhere}")
    demand(outcome, "StoreUnreachable", f"{nowhere}: cannot open it: there is no such folder")
    assert not nowhere.exists()


def test_a_port_that_is_taken_is_told_by_number(lasting, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        demand(ended(lasting, tmp_path, port=port), "PortInUse", f"127.0.0.1:{port}")


def test_a_cache_that_was_altered_is_fetched_again(artifact, tmp_path):
    cache = tmp_path / "cache"
    with serving(artifact, tmp_path, cache_folder=cache) as served:
        served.terminate()
    digest = graphs(artifact)[0].modules[0].weights.digest
    (cache / digest).write_bytes(b"altered")
    with serving(artifact, tmp_path, cache_folder=cache) as served:
        assert served.predict("hello").status_code == 200
    assert sha256_hex((cache / digest).read_bytes()) == digest


def test_probes_are_answered_while_the_model_loads(lasting, tmp_path):
    with starting(lasting, tmp_path) as served:
        served.listen()
        assert served.client.get("/v2/health/live").json() == {"live": True}
        ready = served.client.get("/v2/health/ready")
        assert (ready.status_code, ready.json()) == (503, {"ready": False})
        for path in ("/proof", f"/v2/models/{MODEL}"):
            assert served.client.get(path).json() == {
                "error": "model tiny is loading: try again later"
            }
        assert served.infer("hello").status_code == 503
        assert served.metric("tracedmodel_ready") == 0
        served.ready()
        assert served.infer("hello").status_code == 200


def test_a_server_that_is_stopped_while_it_loads_ends_well(lasting, tmp_path):
    with starting(lasting, tmp_path) as served:
        served.listen()
        assert served.terminate() == 0
        assert not served.report.exists()


def test_two_workers_prove_and_serve(lasting, tmp_path):
    with serving(lasting, tmp_path, workers=2) as served:
        proof = served.client.get("/proof").json()
        assert [worker["worker"] for worker in proof["buckets"][0]["workers"]] == [0, 1]
        with ThreadPoolExecutor(8) as pool:
            replies = list(pool.map(lambda n: served.infer(f"text {n % 3}"), range(100)))
        assert {reply.status_code for reply in replies} == {200}


def ask(served):
    """Ask over a connection of its own, as a client does that a balancer sends here, and return the status."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    try:
        connection.request("POST", f"/v1/models/{MODEL}:predict", '{"instances": ["hello"]}')
        return connection.getresponse().status
    finally:
        connection.close()


def test_nothing_is_lost_on_terminate(lasting, tmp_path):
    """Clients go on for a while after SIGTERM: all are answered, though the server is unready at once."""
    with serving(lasting, tmp_path, drain_seconds=60) as served, ThreadPoolExecutor(8) as pool:
        stop, codes = threading.Event(), []

        def client(_):
            while not stop.is_set():
                codes.append(ask(served))

        clients = [pool.submit(client, number) for number in range(8)]
        until(lambda: len(codes) > 50, served)
        served.process.terminate()
        until(lambda: served.client.get("/v2/health/ready").status_code == 503, served)
        before = len(codes)
        until(lambda: len(codes) > before + 50, served)
        assert served.client.get("/v2/health/live").status_code == 200
        stop.set()
        for one in clients:
            one.result()
        assert set(codes) == {200}
        # Told again, it drains no longer.
        assert served.terminate() == 0


def test_what_waits_when_the_door_closes_is_answered(lasting, tmp_path):
    """A single text lingers for those who were here before it; SIGTERM comes meanwhile."""
    with (
        serving(lasting, tmp_path, max_delay_milliseconds=3000) as served,
        ThreadPoolExecutor() as pool,
    ):
        assert served.infer("a", "b", "c").status_code == 200
        waiting = pool.submit(served.infer, "d")
        until(lambda: served.metric("tracedmodel_queue_texts") == 1)
        served.process.terminate()
        assert waiting.result().status_code == 200
        assert served.process.wait(60) == 0


def test_a_full_queue_answers_429_to_single_and_to_many_until_there_is_room(lasting, tmp_path):
    settings = {"max_delay_milliseconds": 10_000, "max_queued_requests": 2}
    with serving(lasting, tmp_path, **settings) as served, ThreadPoolExecutor() as pool:
        assert served.infer("a", "b").status_code == 200
        assert (
            served.infer("a", "b", "c").json()["error"] == "the request has 3 texts, allowed are 2"
        )
        waiting = pool.submit(served.infer, "c")
        until(lambda: served.metric("tracedmodel_queue_texts") == 1)
        many = served.infer("d", "e")
        assert many.status_code == 429
        assert int(many.headers["retry-after"]) >= 1
        assert "room for 1 texts of 2, this request has 2" in many.json()["error"]
        assert served.infer("f").status_code == 200
        assert waiting.result().status_code == 200


def test_a_client_that_goes_leaves_the_queue(lasting, tmp_path):
    with serving(lasting, tmp_path, max_delay_milliseconds=10_000) as served:
        assert served.infer("a", "b", "c").status_code == 200
        body = json.dumps({"instances": ["d"]}).encode()
        head = f"POST /v1/models/{MODEL}:predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", served.port)) as client:
            client.sendall(head.encode() + body)
            until(lambda: served.metric("tracedmodel_queue_texts") == 1)
        until(lambda: served.metric("tracedmodel_queue_texts") == 0)
        gone = 'tracedmodel_requests_total{code="499",route="predict"}'
        until(lambda: served.metric(gone) == 1)
        with socket.create_connection(("127.0.0.1", served.port)) as client:
            client.sendall(head.encode() + body[:5])
        until(lambda: served.metric(gone) == 2)
