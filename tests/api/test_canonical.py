import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracedmodel_api.canonical import canonical_json, fingerprint, sha256_hex

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=20,
)


@given(JSON)
def test_reads_back_as_what_was_written(value):
    assert json.loads(canonical_json(value)) == value


@given(st.dictionaries(TEXT, JSON), st.randoms())
def test_order_of_keys_changes_nothing(value, random):
    keys = random.sample(list(value), len(value))
    assert fingerprint({key: value[key] for key in keys}) == fingerprint(value)


@given(JSON, JSON)
def test_different_values_have_different_fingerprints(one, other):
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (fingerprint(one) == fingerprint(other)) is same


def test_has_no_white_space_and_no_escapes_for_letters():
    assert canonical_json({"b": [1, 2], "a": "é …"}) == '{"a":"é …","b":[1,2]}'.encode()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [float("-inf")]])
def test_refuses_what_json_cannot_say(value):
    with pytest.raises(ValueError, match="JSON"):
        canonical_json(value)


@pytest.mark.parametrize("value", [b"bytes", {1, 2}, object()])
def test_refuses_what_is_no_json_data(value):
    with pytest.raises(TypeError):
        canonical_json(value)


def test_a_digest_is_that_of_sha256():
    assert sha256_hex(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
