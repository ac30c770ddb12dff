"""What the server says to whatever a client may send: a status and a sentence, and never a 500."""

import gzip
import json
import zlib

import pytest

from serving import MODEL

INFER = f"/v2/models/{MODEL}/infer"
PREDICT = f"/v1/models/{MODEL}:predict"


def text(data=("hello",), **changes):
    tensor = {"name": "text", "datatype": "BYTES", "shape": [len(data)], "data": list(data)}
    return {**tensor, **changes}


def ids(data=((2, 7, 3),), **changes):
    shape = changes.pop("shape", None) or [len(data), len(data[0])]
    tensor = {"name": "input_ids", "datatype": "INT64", "shape": shape, "data": list(data)}
    return {**tensor, **changes}


def infer(*inputs, **more):
    return {"inputs": list(inputs), **more}


LONG = "fox " * 100
DEEP = b'{"inputs":' + b"[" * 100_000 + b"]" * 100_000 + b"}"

BAD = {
    # what is wrong: (path, body, status, part of the sentence)
    "an empty body": (INFER, b"", 400, "not JSON"),
    "half a document": (INFER, b'{"inputs": [', 400, "line 1, column 13"),
    "not JSON at all": (INFER, b"hello", 400, "line 1, column 1"),
    "two documents": (INFER, b"{} {}", 400, "not JSON"),
    "bytes that are no UTF-8": (INFER, b'{"id": "\xff"}', 400, "not JSON"),
    "half a surrogate pair": (INFER, rb'{"id": "\ud800"}', 400, "not JSON"),
    "NaN": (INFER, b'{"inputs": [NaN]}', 400, "not JSON"),
    "infinity": (INFER, b'{"inputs": [1e999]}', 400, "not JSON"),
    "a document that nests without end": (INFER, DEEP, 400, "not JSON"),
    "an array": (INFER, b"[]", 400, "must be a JSON object, given is an array"),
    "null": (INFER, b"null", 400, "given is null"),
    "no inputs": (INFER, {}, 400, "inputs must be an array of tensors, given is nothing"),
    "empty inputs": (INFER, infer(), 400, "given is an empty array"),
    "inputs as an object": (INFER, {"inputs": {}}, 400, "given is an object"),
    "an input that is a string": (INFER, infer("text"), 400, "must be an object with a name"),
    "an input without name": (INFER, infer({"shape": [1]}), 400, "object with a name"),
    "a name that is a number": (INFER, infer(text(name=7)), 400, "object with a name"),
    "an unknown input": (
        INFER,
        infer(text(name="texts")),
        400,
        "no input 'texts', only text, input",
    ),
    "an input twice": (INFER, infer(text(), text()), 400, "input text is given twice"),
    "text and tokens": (INFER, infer(text(), ids()), 400, "inputs must be text, or input_ids"),
    "a mask alone": (INFER, infer(ids(name="attention_mask")), 400, "or input_ids with"),
    "no datatype": (INFER, infer(text(datatype=None)), 400, "has datatype BYTES, given is None"),
    "another datatype": (INFER, infer(text(datatype="FP32")), 400, "BYTES, given is 'FP32'"),
    "narrow tokens": (INFER, infer(ids(datatype="INT32")), 400, "INT64, given is 'INT32'"),
    "no shape": (INFER, infer(text(shape=None)), 400, "shape must be an array"),
    "a shape of strings": (INFER, infer(text(shape=["1"])), 400, "array of whole numbers"),
    "a shape of true": (INFER, infer(text(shape=[True])), 400, "array of whole numbers"),
    "an empty shape": (INFER, infer(text(shape=[])), 400, "has shape [-1], given is []"),
    "a shape of too many sizes": (INFER, infer(text(shape=[1, 1, 1])), 400, "given is [1, 1, 1]"),
    "tokens in one row": (INFER, infer(ids(shape=[3])), 400, "has shape [-1, -1], given is [3]"),
    "a negative size": (INFER, infer(text(shape=[-1])), 400, "must be at least 1"),
    "a size of nothing": (INFER, infer(text(shape=[0], data=[])), 400, "must be at least 1"),
    "a size beyond all": (INFER, infer(text(shape=[2**63])), 400, "size"),
    "a size beyond numbers": (
        INFER,
        b'{"inputs":[{"name":"text","datatype":"BYTES","shape":[1' + b"0" * 400 + b'],"data":[]}]}',
        400,
        "",
    ),
    "a shape that overflows": (INFER, infer(ids(shape=[2**40, 2**40])), 400, "row"),
    "fewer data than the shape says": (
        INFER,
        infer(text(shape=[5])),
        400,
        "[5] has 5 values, data has 1",
    ),
    "more data than the shape says": (INFER, infer(text(["a", "b"], shape=[1])), 400, "data has 2"),
    "no data": (INFER, infer(text(data=())), 400, "at least 1"),
    "data that is a string": (
        INFER,
        infer({**text(), "data": "hello"}),
        400,
        "data must be an array",
    ),
    "a number for text": (INFER, infer(text([7])), 400, "value 0 is 7"),
    "null for text": (INFER, infer(text([None])), 400, "value 0 is None"),
    "text for a token": (INFER, infer(ids([[2, "7", 3]])), 400, "value 1 is '7'"),
    "a fraction for a token": (INFER, infer(ids([[2, 7.5, 3]])), 400, "value 1 is 7.5"),
    "true for a token": (INFER, infer(ids([[2, True, 3]])), 400, "value 1 is True"),
    "a token beyond all numbers": (INFER, infer(ids([[2, 2**64, 3]])), 400, "value 1 is"),
    "a token out of the vocabulary": (INFER, infer(ids([[2, 9999, 3]])), 400, "given is 9999"),
    "a negative token": (INFER, infer(ids([[2, -1, 3]])), 400, "token ids are from 0 to"),
    "ragged rows": (
        INFER,
        infer(ids([[2, 3], [2]], shape=[2, 2])),
        400,
        "row 1 must have 2 values",
    ),
    "a row that is no row": (INFER, infer(ids(shape=[2, 2], data=[[2, 3], 7])), 400, "row 1"),
    "fewer rows than the shape says": (
        INFER,
        infer(ids(shape=[2, 3])),
        400,
        "has 2 rows, data has 1",
    ),
    "a mask of another shape": (
        INFER,
        infer(ids(), ids([[1, 1]], name="attention_mask")),
        400,
        "must have the shape of input_ids",
    ),
    "a mask of other rows": (
        INFER,
        infer(ids(), ids([[1] * 3] * 2, name="attention_mask")),
        400,
        "same number of rows",
    ),
    "a mask that is neither 0 nor 1": (
        INFER,
        infer(ids(), ids([[1, 2, 1]], name="attention_mask")),
        400,
        "from 0 to 1, given is 2",
    ),
    "a mask that hides all": (
        INFER,
        infer(ids(), ids([[0] * 3], name="attention_mask")),
        400,
        "at least one token",
    ),
    "a segment type that is none": (
        INFER,
        infer(ids(), ids([[0, 5, 0]], name="token_type_ids")),
        400,
        "segment types",
    ),
    "too many tokens": (
        INFER,
        infer(ids([[7] * 65])),
        400,
        "row 0 has 65 tokens, the longest bucket holds 64",
    ),
    "a text that is too long": (
        INFER,
        infer(text(["a", LONG])),
        400,
        "text 1 has 102 tokens, the longest bucket holds 64",
    ),
    "too many characters": (
        INFER,
        infer(text(["x" * 100_001])),
        400,
        "100001 characters, allowed are 100000",
    ),
    "too many texts": (INFER, infer(text(["a"] * 1025)), 400, "1025 texts, allowed are 1024"),
    "an id that is a number": (INFER, infer(text(), id=7), 400, "id must be a string, given is 7"),
    "parameters in an array": (
        INFER,
        infer(text(), parameters=[]),
        400,
        "parameters must be an object",
    ),
    "an input's parameters in an array": (
        INFER,
        infer(text(parameters=[1])),
        400,
        "parameters must be",
    ),
    "binary data": (
        INFER,
        infer(text(parameters={"binary_data_size": 9})),
        400,
        "binary data is not read",
    ),
    "truncate that is a word": (
        INFER,
        infer(text(), parameters={"truncate": "yes"}),
        400,
        "true or false, given is 'yes'",
    ),
    "no top tokens": (
        INFER,
        infer(text(), parameters={"top_k": 0}),
        400,
        "from 1 to 1000, given is 0",
    ),
    "half a top token": (INFER, infer(text(), parameters={"top_k": 1.5}), 400, "given is 1.5"),
    "outputs as an object": (INFER, infer(text(), outputs={}), 400, "outputs must be an array"),
    "an unknown output": (
        INFER,
        infer(text(), outputs=[{"name": "logits"}]),
        400,
        "no output 'logits', only embedding",
    ),
    "an output twice": (
        INFER,
        infer(text(), outputs=[{"name": "embedding"}] * 2),
        400,
        "asked for twice",
    ),
    "an output that is a string": (
        INFER,
        infer(text(), outputs=["embedding"]),
        400,
        "object with a name",
    ),
    "another model": (
        "/v2/models/other/infer",
        infer(text()),
        404,
        "no model 'other' here, only 'tiny'",
    ),
    "another model by the first protocol": (
        "/v1/models/other:predict",
        {},
        404,
        "no model 'other'",
    ),
    "another version": (
        f"/v2/models/{MODEL}/versions/2/infer",
        infer(text()),
        404,
        "version '1' alone, asked is '2/infer'",
    ),
    "another path": ("/v3/models", {}, 404, "nothing at '/v3/models'"),
    "instances missing": (PREDICT, {}, 400, "instances must be an array of texts, given is null"),
    "no instances": (PREDICT, {"instances": []}, 400, "given is an empty array"),
    "instances as a string": (PREDICT, {"instances": "hello"}, 400, "given is a string"),
    "an instance that is a number": (
        PREDICT,
        {"instances": [7]},
        400,
        "instance 0 must be a string",
    ),
    "an instance without text": (
        PREDICT,
        {"instances": ["a", {"txt": "b"}]},
        400,
        "instance 1 must be",
    ),
    "an instance with more": (
        PREDICT,
        {"instances": [{"text": "b", "pair": "c"}]},
        400,
        "with pair, text",
    ),
    "an instance that is null": (PREDICT, {"instances": [None]}, 400, "given is None"),
    "a predict that is an array": (PREDICT, [], 400, "must be a JSON object"),
    "bad parameters of a predict": (
        PREDICT,
        {"instances": ["a"], "parameters": 1},
        400,
        "must be an object",
    ),
}


@pytest.mark.parametrize(("path", "body", "status", "part"), BAD.values(), ids=BAD.keys())
def test_a_bad_request_is_told_what_is_wrong(inside, path, body, status, part):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply = inside().post(path, content=content)
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/json"
    assert list(reply.json()) == ["error"]
    assert part in reply.json()["error"]


@pytest.mark.parametrize(
    ("task", "inputs", "part"),
    [
        ("QuestionAnswering", [text()], "no input 'text', only question, context"),
        ("QuestionAnswering", [text(name="question")], "inputs must be question and context"),
        (
            "QuestionAnswering",
            [text(name="question"), text(["a", "b"], name="context")],
            "question [1], context [2]",
        ),
        (
            "QuestionAnswering",
            [text(name="question"), text([""], name="context")],
            "context has no tokens",
        ),
        ("FillMask", [text(["no mask"])], "has 0 mask tokens, but exactly one [MASK] is filled"),
        ("FillMask", [text(["[MASK]", "[MASK] and [MASK]"])], "text 1: it has 2 mask tokens"),
        ("FillMask", [ids([[2, 7, 3]])], "has 0 mask tokens"),
    ],
)
def test_a_task_says_what_it_needs(inside, task, inputs, part):
    reply = inside(task).post(INFER, json=infer(*inputs))
    assert reply.status_code == 400
    assert part in reply.json()["error"]


def test_an_answer_made_of_text_cannot_be_had_of_tokens(inside):
    body = infer(ids(), outputs=[{"name": "answer"}])
    reply = inside("QuestionAnswering").post(INFER, json=body)
    assert reply.status_code == 400
    assert "output answer is made of text" in reply.json()["error"]


def test_an_instance_of_a_pair_is_named_with_its_fields(inside):
    reply = inside("QuestionAnswering").predict("only text")
    assert reply.status_code == 400
    assert '{"question": string, "context": string}' in reply.json()["error"]


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/octet-stream"])
def test_json_is_json_whatever_its_content_type_says(embedder, content_type):
    content = json.dumps(infer(text())).encode()
    request = embedder.client.build_request("POST", INFER, content=content)
    if content_type:
        request.headers["content-type"] = content_type
    assert embedder.client.send(request).status_code == 200


@pytest.mark.parametrize(
    ("encoding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)]
)
def test_a_compressed_body_is_read(inside, encoding, compress):
    embedder = inside()
    content = compress(json.dumps(infer(text())).encode())
    headers = {"content-encoding": encoding}
    assert embedder.client.post(INFER, content=content, headers=headers).status_code == 200
    broken = embedder.client.post(INFER, content=b"\0" * 40, headers=headers)
    assert (broken.status_code, broken.json()["error"]) == (400, f"the body is not {encoding}")


def test_a_bomb_in_gzip_is_refused_by_its_real_size(inside):
    embedder = inside()
    content = gzip.compress(b" " * 20 * 2**20)
    assert len(content) < 100_000
    reply = embedder.client.post(INFER, content=content, headers={"content-encoding": "gzip"})
    assert reply.status_code == 413


def test_another_encoding_is_refused_by_name(inside):
    embedder = inside()
    reply = embedder.client.post(INFER, content=b"x", headers={"content-encoding": "br"})
    assert (reply.status_code, "'br'" in reply.json()["error"]) == (415, True)


def test_a_body_above_the_limit_is_refused_whether_its_length_is_told_or_not(embedder):
    content = b" " * (16 * 2**20 + 1)
    told = embedder.client.post(INFER, content=content)
    untold = embedder.client.post(
        INFER, content=(content[i : i + 2**16] for i in range(0, len(content), 2**16))
    )
    for reply in (told, untold):
        assert reply.status_code == 413
        assert reply.json()["error"] == "the body is larger than 16777216 bytes"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("GET", INFER, "POST"), ("POST", "/v2/health/live", "GET"), ("DELETE", "/v2", "GET")],
)
def test_a_wrong_method_is_told_the_right_one(embedder, method, path, allowed):
    reply = embedder.client.request(method, path)
    assert reply.status_code == 405
    assert reply.headers["allow"] == allowed
    assert allowed in reply.json()["error"]


@pytest.mark.parametrize("kind", ["served", "inside"])
def test_the_server_and_its_model_describe_themselves(request, kind):
    get = request.getfixturevalue(kind)("FeatureExtraction").client.get
    assert get("/v2").json().keys() == {"name", "version", "extensions"}
    assert get("/v2/health/live").json() == {"live": True}
    assert get("/v2/health/ready").json() == {"ready": True}
    assert get(f"/v2/models/{MODEL}/ready").json() == {"name": MODEL, "ready": True}
    assert get(f"/v2/models/{MODEL}/versions/1/ready").status_code == 200
    assert get("/v1/models").json() == {"models": [MODEL]}
    assert get(f"/v1/models/{MODEL}").json() == {"name": MODEL, "ready": True}
    metadata = get(f"/v2/models/{MODEL}").json()
    assert metadata == get(f"/v2/models/{MODEL}/versions/1").json()
    assert metadata["versions"] == ["1"]
    assert metadata["platform"] == "pytorch_torchscript"
    assert metadata["inputs"] == [
        {"name": "text", "datatype": "BYTES", "shape": [-1]},
        {"name": "input_ids", "datatype": "INT64", "shape": [-1, -1]},
        {"name": "attention_mask", "datatype": "INT64", "shape": [-1, -1]},
        {"name": "token_type_ids", "datatype": "INT64", "shape": [-1, -1]},
    ]
    assert metadata["outputs"] == [{"name": "embedding", "datatype": "FP32", "shape": [-1, 32]}]


def test_an_id_comes_back_and_only_where_it_was_sent(embedder):
    assert embedder.infer("a", id="request 7").json()["id"] == "request 7"
    assert embedder.infer("a").json().keys() == {"model_name", "model_version", "outputs"}


def test_nested_flat_and_column_data_mean_the_same(inside):
    embedder = inside()
    bodies = [
        infer(text(["a", "b"])),
        infer(text(["a", "b"], shape=[2, 1])),
        infer(text([["a"], ["b"]], shape=[2, 1])),
    ]
    replies = [embedder.client.post(INFER, json=body).json()["outputs"] for body in bodies]
    assert replies[0] == replies[1] == replies[2]
    tokens = [infer(ids([[2, 7, 3], [2, 9, 3]])), infer(ids(shape=[2, 3], data=[2, 7, 3, 2, 9, 3]))]
    replies = [embedder.client.post(INFER, json=body).json()["outputs"] for body in tokens]
    assert replies[0] == replies[1]


def test_outputs_come_as_asked_and_in_that_order(served):
    server = served("TextClassification")
    reply = server.infer("a", outputs=[{"name": "score"}, {"name": "label"}]).json()
    assert [tensor["name"] for tensor in reply["outputs"]] == ["score", "label"]


def test_parameters_of_other_servers_are_left_alone(embedder):
    body = infer(text(), parameters={"binary_data_output": False, "sequence_id": 3})
    assert embedder.client.post(INFER, json=body).status_code == 200


def test_instances_may_be_strings_or_objects(embedder):
    predictions = embedder.predict("hello", {"text": "hello"}).json()["predictions"]
    assert predictions[0] == predictions[1]
    assert len(predictions[0]) == 32


def test_the_proof_says_what_every_bucket_and_worker_proved(embedder, tiny):
    proof = embedder.client.get("/proof").json()
    index = tiny("FeatureExtraction").index
    assert proof["artifactDigest"] == index.identity()
    assert proof["revision"] == index.revision
    assert {bucket["digest"] for bucket in proof["buckets"]} == set(index.graphs)
    for bucket in proof["buckets"]:
        assert bucket["maxAbsoluteError"] <= 1e-4
        assert bucket["agreement"] == 1.0
        assert 0 < bucket["p50Microseconds"] <= bucket["p99Microseconds"]
        assert [worker["worker"] for worker in bucket["workers"]] == [0]


def test_metrics_count_requests_batches_and_padding(embedder):
    name = 'tracedmodel_requests_total{code="200",route="infer"}'
    padding = 'tracedmodel_tokens_total{bucket="1x16",kind="padding"}'
    real = 'tracedmodel_tokens_total{bucket="1x16",kind="real"}'
    before = [embedder.metric(one) for one in (name, padding, real)]
    embedder.infer("hello")
    after = [embedder.metric(one) for one in (name, padding, real)]
    assert after[0] == before[0] + 1
    assert (after[1] - before[1]) + (after[2] - before[2]) == 16
    assert embedder.metric("tracedmodel_ready") == 1
    assert embedder.metric("tracedmodel_queue_texts") == 0
    for stage, bucket in (
        ("tokenization", ""),
        ("total", ""),
        ("queue", "1x16"),
        ("inference", "1x16"),
    ):
        labels = f'{{bucket="{bucket}",stage="{stage}"}}'
        assert embedder.metric(f"tracedmodel_stage_seconds_count{labels}") >= 1
