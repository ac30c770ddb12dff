"""Whatever JSON a client sends, it is answered with 200 or a 4xx and a sentence."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serving import MODEL

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
DOCUMENT = ANY | st.fixed_dictionaries(
    {"inputs": st.lists(TENSOR | ANY, max_size=3) | ANY},
    optional={
        "id": ANY,
        "outputs": st.lists(st.fixed_dictionaries({"name": WORDS | ANY}), max_size=2) | ANY,
        "parameters": st.dictionaries(st.sampled_from(["truncate", "top_k"]), ANY) | ANY,
        "instances": st.lists(ANY, max_size=3) | ANY,
    },
)
PATIENT = settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@PATIENT
@given(document=DOCUMENT)
def test_no_document_is_a_fault_of_the_server(embedder, document):
    for path in (f"/v2/models/{MODEL}/infer", f"/v1/models/{MODEL}:predict"):
        reply = embedder.client.post(path, json=document)
        assert reply.status_code in (200, 400), (document, reply.text)
        assert reply.status_code == 200 or list(reply.json()) == ["error"]


@PATIENT
@given(body=st.binary(max_size=200))
def test_no_bytes_are_a_fault_of_the_server(embedder, body):
    reply = embedder.client.post(f"/v2/models/{MODEL}/infer", content=body)
    assert reply.status_code == 400
