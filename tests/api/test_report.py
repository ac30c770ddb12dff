import base64
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracedmodel_api.buckets import Bucket
from tracedmodel_api.canonical import sha256_hex
from tracedmodel_api.report import (
    BY_EXIT_CODE,
    MAX_BYTES,
    MAX_MESSAGE,
    REASONS,
    TERMINAL_EXIT_CODES,
    Class,
    Failure,
    Report,
    Row,
    shorten,
)

DIGEST = "f" * 64
DIGESTS = st.binary(min_size=32, max_size=32).map(bytes.hex)
TIMES = st.none() | st.integers(0, 2**32 - 2)
BUCKETS = st.builds(
    Bucket,
    st.integers(1, 256),
    st.integers(8, 4096),
    st.none() | st.integers(1, 512),
    st.none() | st.integers(1, 16),
)
ROWS = st.builds(
    Row,
    bucket=BUCKETS,
    digest=DIGESTS,
    size=st.integers(0, 2**64 - 1),
    error=st.none() | st.floats(0, width=32, max_value=2.0**100) | st.just(math.inf),
    agreement=st.none() | st.integers(0, 10000).map(lambda share: share / 10000),
    p50=TIMES,
    p99=TIMES,
    eager_p50=TIMES,
    compiled_percent=st.none() | st.integers(0, 100),
)
MESSAGES = st.text(max_size=2000) | st.text(
    st.sampled_from('"\\\0\x1f\n😀é\ud800 a'), max_size=5000
)
FILES = st.dictionaries(st.sampled_from(["tokenizer.json", "model.json"]), DIGESTS).map(
    lambda files: tuple(sorted(files.items()))
)
REPORTS = st.builds(
    Report,
    rows=st.lists(ROWS, max_size=4).map(tuple),
    revision=st.none() | st.text("0123456789abcdef", max_size=40),
    parameters=st.none() | st.integers(0, 2**40),
    files=FILES,
    cached=st.integers(0, 32),
    reason=st.none() | st.sampled_from(sorted(REASONS)),
    message=st.none() | st.text("abc é😀", max_size=100),
    milliseconds=st.dictionaries(
        st.sampled_from(["load", "trace", "verify"]), st.integers(0, 2**40)
    ).map(lambda spent: tuple(sorted(spent.items()))),
)
STEPS = ("benchmark", "fetch", "import", "load", "lookup", "publish", "reopen", "resolve", "save", "trace", "verify")  # fmt: skip
WORST_ROW = Row(
    Bucket(256, 4096, 512, 16), DIGEST, 2**64 - 1, 1e300, 1.0, 10**12, 10**12, 10**12, 100
)


def a_row(**changes):
    return Row(**{"bucket": Bucket(1, 128), "digest": DIGEST, "size": 1, **changes})


@given(REPORTS)
def test_a_report_reads_back_as_what_was_written(report):
    assert Report.parse(report.to_bytes()) == report


@given(MESSAGES)
def test_32_rows_fit_whatever_the_message(message):
    report = Report(
        rows=(WORST_ROW,) * 32,
        revision="f" * 64,
        parameters=10**12,
        files=(("model.json", DIGEST), ("tokenizer.json", DIGEST)),
        cached=32,
        reason="RemoteCodeRequired",
        message=message,
        milliseconds=tuple((step, 10**8) for step in STEPS),
    )
    data = report.to_bytes()
    assert len(data) <= MAX_BYTES
    read = Report.parse(data)
    assert (len(read.rows), read.reason, read.files) == (32, report.reason, report.files)
    assert read.milliseconds == report.milliseconds
    assert len(read.message.encode()) <= MAX_MESSAGE


def test_a_row_takes_at_most_100_bytes_of_the_report():
    assert (
        len(Report(rows=(WORST_ROW,) * 2).to_bytes()) - len(Report(rows=(WORST_ROW,)).to_bytes())
        <= 100
    )


def test_a_plain_message_is_not_cut():
    message = "a" * MAX_MESSAGE
    assert Report.parse(Report(message=message).to_bytes()).message == message


def test_a_message_that_does_not_fit_at_all_is_left_out():
    files = tuple((f"{number:02}", DIGEST) for number in range(90))
    data = Report(files=files, message="m").to_bytes()
    assert Report.parse(data) == Report(files=files)


@pytest.mark.parametrize(
    ("changes", "read"),
    [
        ({"error": 1e39}, {"error": math.inf}),
        ({"error": math.inf}, {"error": math.inf}),
        ({"error": math.nan}, {"error": math.inf}),
        ({"p50": 2**40}, {"p50": 2**32 - 2}),
        ({"agreement": 0.99999}, {"agreement": 0.9999}),
        ({"agreement": 0.57}, {"agreement": 0.57}),
    ],
)
def test_figures_beyond_a_row_are_the_nearest_honest_ones(changes, read):
    assert Row.unpack(a_row(**changes).pack()) == a_row(**read)


@given(st.binary(max_size=5000) | st.text(max_size=500))
def test_garbage_is_no_report(data):
    assert Report.parse(data) is None


PACKED = a_row().pack()
SHORT = base64.urlsafe_b64encode(bytes(32)).decode().rstrip("=")


@pytest.mark.parametrize(
    "document",
    [
        [],
        None,
        "text",
        {},
        {"v": 2, "rows": []},
        {"v": "1", "rows": []},
        {"v": 1},
        {"v": 1, "rows": 5},
        {"v": 1, "rows": [5]},
        {"v": 1, "rows": ["é"]},
        {"v": 1, "rows": [PACKED[:-4]]},
        {"v": 1, "rows": [PACKED + "AAAA"]},
        {"v": 1, "rows": [], "files": []},
        {"v": 1, "rows": [], "files": {"a": "b"}},
        {"v": 1, "rows": [], "files": {"a": SHORT + "A"}},
        {"v": 1, "rows": [], "files": {"a": None}},
        {"v": 1, "rows": [], "reason": {}},
        {"v": 1, "rows": [], "message": 5},
        {"v": 1, "rows": [], "revision": []},
        {"v": 1, "rows": [], "cached": "1"},
        {"v": 1, "rows": [], "parameters": 1.5},
        {"v": 1, "rows": [], "ms": [1]},
        {"v": 1, "rows": [], "ms": {"trace": "1"}},
    ],
)
def test_a_document_of_another_form_is_no_report(document):
    assert Report.parse(json.dumps(document)) is None


@pytest.mark.parametrize("text", ["[" * MAX_BYTES, '{"a":' * 700, "NaN", "", "\0"])
def test_text_that_breaks_readers_is_no_report(text):
    assert Report.parse(text) is None


@given(st.text(max_size=120))
def test_what_is_no_row_is_refused(text):
    with pytest.raises(ValueError, match="not a report row"):
        Row.unpack(text)


def test_a_report_of_before_there_were_times_is_read_too():
    assert Report.parse(json.dumps({"v": 1, "rows": [PACKED]})).milliseconds == ()


def test_unknown_keys_and_nulls_are_left_alone():
    document = {"v": 1, "rows": [PACKED], "cached": None, "message": None, "new": [1]}
    assert Report.parse(json.dumps(document)) == Report(rows=(a_row(),))


def test_writes_where_the_kubelet_looks(tmp_path):
    report = Report(reason="TraceFailed", message="no")
    report.write(tmp_path / "termination-log")
    assert Report.parse((tmp_path / "termination-log").read_bytes()) == report


def test_every_reason_has_an_exit_code_of_its_own():
    codes = [reason.exit_code for reason in REASONS.values()]
    assert len(set(codes)) == len(codes)
    # 1 is Python's, 2 the argument parser's; from 126 on shells and signals speak.
    assert all(3 <= code <= 125 for code in codes)
    assert {code: reason.name for code, reason in BY_EXIT_CODE.items()} == {
        reason.exit_code: name for name, reason in REASONS.items()
    }


def test_the_class_of_every_reason_is_told_by_its_exit_code():
    assert set(TERMINAL_EXIT_CODES) == {code for code in BY_EXIT_CODE if code < 70}
    assert {BY_EXIT_CODE[code].failure_class for code in TERMINAL_EXIT_CODES} == {Class.TERMINAL}


def test_every_reason_says_what_it_means_and_what_to_do():
    for reason in REASONS.values():
        assert reason.meaning.endswith(".")
        assert reason.remedy.endswith(".")


def test_a_failure_is_its_sentence_and_its_reason():
    failure = Failure("NotFinite", "logits has NaN")
    assert (str(failure), failure.reason) == ("logits has NaN", REASONS["NotFinite"])


@given(MESSAGES, st.integers(0, 700))
def test_shortens_to_the_bytes_that_are_there(message, limit):
    short = shorten(message, limit)
    assert len(short.encode()) <= limit
    if len(message.encode(errors="replace")) <= limit:
        assert short == message.encode(errors="replace").decode()


def test_keeps_both_ends_of_a_long_message():
    short = shorten("start " + "x" * 1000 + " end", 40)
    assert short.startswith("start ")
    assert short.endswith(" end")
    assert " … " in short


def test_the_same_bytes_have_the_same_digest_in_every_row():
    assert Row.unpack(a_row(digest=sha256_hex(b"x")).pack()).digest == sha256_hex(b"x")
