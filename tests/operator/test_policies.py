import pytest

from resources import STORE, report, resource
from tracedmodel_api.buckets import Bucket
from tracedmodel_operator.artifacts import compose
from tracedmodel_operator.policies import (
    Question,
    buckets_missing,
    request_changed,
    tolerance_tightened,
    why_export,
)

BASE = "f" * 64


def question(wanted=None, have=None, fingerprint=BASE) -> Question:
    """An artifact that was made for ``have``, and a resource that wants ``wanted``."""
    artifact = compose(resource(have), BASE, report(), STORE)
    return Question(resource(wanted), fingerprint, artifact)


def tolerance(**values) -> dict:
    return {"export": {"tolerance": values}}


def test_another_request_is_a_reason():
    assert request_changed(question(fingerprint="e" * 64)).reason == "RequestChanged"


def test_the_same_request_is_none():
    assert request_changed(question()) is None


def test_a_missing_bucket_is_a_reason_and_is_named():
    more = {"export": {"buckets": [{"batchSize": 4, "sequenceLength": 64}]}}
    assert buckets_missing(question(more)).message == "the artifact has no bucket 4x64"


def test_fewer_buckets_are_none():
    fewer = {"export": {"buckets": [{"batchSize": 1, "sequenceLength": 32}]}}
    assert buckets_missing(question(fewer)) is None


@pytest.mark.parametrize("stricter", [{"absolute": "1e-7"}, {"minAgreement": "1"}], ids=str)
def test_a_stricter_tolerance_than_was_measured_is_a_reason(stricter):
    have = compose(
        resource(),
        BASE,
        report(rows=(report().rows[0].__class__(Bucket(1, 32), "a" * 64, 1, 1e-6, 0.995),)),
        STORE,
    )
    wanted = resource(
        {
            **tolerance(**stricter),
            "export": {
                **tolerance(**stricter)["export"],
                "buckets": [{"batchSize": 1, "sequenceLength": 32}],
            },
        }
    )
    assert tolerance_tightened(Question(wanted, BASE, have)).reason == "ToleranceTightened"


def test_a_stricter_tolerance_that_the_measured_error_keeps_is_none():
    assert tolerance_tightened(question(tolerance(absolute="1e-5"))) is None


def test_a_looser_tolerance_is_none():
    assert (
        tolerance_tightened(question(tolerance(absolute="1", relative="1", minAgreement="0")))
        is None
    )


def test_figures_that_are_not_known_keep_no_stricter_tolerance():
    unknown = tuple(row.__class__(row.bucket, row.digest, row.size) for row in report().rows)
    artifact = compose(resource(), BASE, report(rows=unknown), STORE)
    stricter = resource(tolerance(absolute="1e-5"))
    assert tolerance_tightened(Question(stricter, BASE, artifact)) is not None


def test_without_any_artifact_everything_is_to_be_exported():
    assert why_export(resource(), BASE, ()).reason == "NothingExported"


def test_one_artifact_of_many_that_answers_is_enough():
    other = compose(resource(), "e" * 64, report(), STORE)
    right = compose(resource(), BASE, report(), STORE)
    assert why_export(resource(), BASE, (other, right)) is None


def test_the_reason_is_that_of_the_newest_artifact():
    newest = compose(
        resource({"export": {"buckets": [{"batchSize": 1, "sequenceLength": 32}]}}),
        BASE,
        report(Bucket(1, 32)),
        STORE,
    )
    older = compose(resource(), "e" * 64, report(), STORE)
    assert why_export(resource(), BASE, (newest, older)).reason == "BucketsMissing"
