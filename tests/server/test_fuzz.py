"""Whatever a client sends, it is answered with 200 or a 4xx and a sentence, never with a fault of the server."""

import gzip
import json
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serving import MODEL

INFER = f"/v2/models/{MODEL}/infer"
PREDICT = f"/v1/models/{MODEL}:predict"
WORDS = st.sampled_from(["text", "input_ids", "attention_mask", "BYTES", "INT64", "FP32", "", "x"])
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | WORDS
    | st.text(max_size=8)
)
ANY = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)
TENSOR = st.fixed_dictionaries(
    {},
    optional={
        "name": WORDS | ANY,
        "datatype": WORDS | ANY,
        "shape": st.lists(st.integers(-2, 5), max_size=3) | ANY,
        "data": st.lists(st.integers(-1, 400), max_size=8) | st.lists(WORDS, max_size=4) | ANY,
        "parameters": ANY,
    },
)
PARAMETERS = st.dictionaries(st.sampled_from(["truncate", "top_k", "max_answer_length"]), ANY) | ANY
OUTPUTS = st.lists(st.fixed_dictionaries({"name": WORDS | ANY}), max_size=2) | ANY
INFERENCE = ANY | st.fixed_dictionaries(
    {"inputs": st.lists(TENSOR | ANY, max_size=3) | ANY},
    optional={"id": ANY, "outputs": OUTPUTS, "parameters": PARAMETERS},
)
INSTANCE = ANY | st.dictionaries(st.sampled_from(["text", "question", "context"]), ANY)
PREDICTION = ANY | st.fixed_dictionaries(
    {"instances": st.lists(INSTANCE, max_size=3) | ANY}, optional={"parameters": PARAMETERS}
)
# What is nearly right reaches further than what is wrong from its first byte.
ROWS = st.integers(1, 3)
NEAR_TOKENS = st.builds(
    lambda rows, width, data, mask: {
        "inputs": [
            {"name": "input_ids", "datatype": "INT64", "shape": [rows, width], "data": data},
            {"name": "attention_mask", "datatype": "INT64", "shape": [rows, width], "data": mask},
        ]
    },
    ROWS,
    st.integers(1, 70),
    st.lists(st.integers(-1, 450), max_size=8),
    st.lists(st.integers(0, 2), max_size=8),
)
TEXTS = st.lists(st.text(max_size=40), min_size=1, max_size=5)
NEAR_TEXTS = st.builds(
    lambda texts, parameters: {
        "inputs": [{"name": "text", "datatype": "BYTES", "shape": [len(texts)], "data": texts}],
        "parameters": parameters,
    },
    TEXTS,
    PARAMETERS,
)
PAIRS = st.lists(st.tuples(st.text(max_size=10), st.text(max_size=40)), min_size=1, max_size=4)
NEAR_PAIRS = st.builds(
    lambda pairs, parameters: {
        "inputs": [
            {"name": name, "datatype": "BYTES", "shape": [len(pairs)], "data": [*texts]}
            for name, texts in zip(("question", "context"), zip(*pairs, strict=True), strict=True)
        ],
        "parameters": parameters,
    },
    PAIRS,
    PARAMETERS,
)
NEAR_PREDICTIONS = st.builds(
    lambda instances, parameters: {"instances": instances, "parameters": parameters},
    TEXTS | PAIRS.map(lambda pairs: [{"question": q, "context": c} for q, c in pairs]),
    PARAMETERS | st.just({}),
)
TASKS = [
    "TextClassification",
    "FeatureExtraction",
    "TokenClassification",
    "QuestionAnswering",
    "FillMask",
]
BOUNDED = settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def judge(reply, sent):
    assert 200 <= reply.status_code < 500, (sent, reply.status_code, reply.text)
    if reply.status_code != 200:
        document = reply.json()
        assert list(document) == ["error"]
        assert len(document["error"].split()) >= 3, document


@pytest.mark.parametrize("task", TASKS)
@BOUNDED
@given(document=INFERENCE | NEAR_TOKENS | NEAR_TEXTS | NEAR_PAIRS)
def test_no_inference_is_a_fault_of_the_server(inside, task, document):
    judge(inside(task).post(INFER, content=as_json(document)), document)


@pytest.mark.parametrize("task", TASKS)
@BOUNDED
@given(document=PREDICTION | NEAR_PREDICTIONS)
def test_no_prediction_is_a_fault_of_the_server(inside, task, document):
    judge(inside(task).post(PREDICT, content=as_json(document)), document)


def as_json(document):
    return json.dumps(document).encode()


@BOUNDED
@given(body=st.binary(max_size=200), path=st.sampled_from([INFER, PREDICT]))
def test_no_bytes_are_a_fault_of_the_server(inside, body, path):
    judge(inside().post(path, content=body), body)


@BOUNDED
@given(
    body=st.binary(max_size=60),
    encoding=st.sampled_from(
        ["gzip", "deflate", "identity", "GZIP", " gzip ", "br", "gzip, br", ""]
    ),
    packed=st.sampled_from([bytes, gzip.compress, zlib.compress]),
    cut=st.integers(-8, 40),
)
def test_no_compression_is_a_fault_of_the_server(inside, body, encoding, packed, cut):
    data = packed(body)[: cut or None]
    reply = inside().post(INFER, content=data, headers={"content-encoding": encoding})
    judge(reply, (encoding, data))


HEADER = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)


@BOUNDED
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "HEAD", "OPTIONS", "PATCH", "DELETE"]),
    path=st.sampled_from(
        ["/", "//", "/v2", "/v2/models/tiny/versions/1/infer/", "/v2/models//infer"]
    )
    | st.text(
        st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#?%\\"), max_size=20
    ).map(lambda rest: f"/v2/models/{rest}"),
    headers=st.dictionaries(HEADER.filter(str.isalnum), HEADER, max_size=3),
)
def test_no_path_method_or_header_is_a_fault_of_the_server(inside, method, path, headers):
    reply = inside().request(method, f"http://inside{path}", headers=headers, content=b"{}")
    if method == "HEAD":
        assert reply.status_code < 500
    else:
        judge(reply, (method, path, headers))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    head=st.binary(max_size=80)
    | st.sampled_from([b"GET /v2 HTTP/1.1\r\n", b"POST / HTTP/1.1\r\nContent-Length: "]),
    rest=st.binary(max_size=80),
)
def test_no_bytes_on_the_wire_are_a_fault_of_the_server(embedder, head, rest):
    """The answer, if there is one before the client ends, is no 5xx; and the server lives."""
    with embedder.connect() as client:
        client.sendall(head + rest + b"\r\n\r\n")
        client.shutdown(1)
        data = b""
        while part := client.recv(2**16):
            data += part
    assert not data.startswith(b"HTTP/1.1 5"), (head, rest, data)
    assert embedder.client.get("/v2/health/live").status_code == 200
