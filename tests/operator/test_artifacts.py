import pytest

from resources import STORE, report, resource, row
from tracedmodel_api.buckets import Bucket
from tracedmodel_api.manifest import Limits
from tracedmodel_operator.artifacts import (
    DisagreementError,
    compose,
    holds,
    merge,
    no_stricter,
    within,
)

SMALL, LARGE = Bucket(1, 32), Bucket(8, 128)
BASE = "f" * 64


def test_one_report_is_merged_to_itself():
    assert merge((report(),)) == report()


def test_the_order_of_pods_changes_no_digest():
    one, two = report(SMALL), report(LARGE)
    ours = compose(resource(), BASE, merge((one, two)), STORE)
    theirs = compose(resource(), BASE, merge((two, one)), STORE)
    assert ours.digest == theirs.digest


@pytest.mark.parametrize(
    "other",
    [{"revision": "d" * 40}, {"parameters": 1}, {"files": (("model.json", "0" * 64),)}],
    ids=str,
)
def test_reports_of_different_models_are_not_merged(other):
    with pytest.raises(DisagreementError, match=next(iter(other))):
        merge((report(SMALL), report(LARGE, **other)))


def test_an_artifact_holds_the_wanted_buckets_alone():
    artifact = compose(resource(), BASE, report(SMALL, Bucket(2, 32), LARGE), STORE)
    assert [found.bucket for found in artifact.report.rows] == [SMALL, LARGE]
    assert artifact.index.graphs == tuple(found.digest for found in artifact.report.rows)


def test_the_tolerance_is_part_of_the_artifact():
    loose = resource({"export": {"tolerance": {"absolute": "0.5"}}})
    assert (
        compose(resource(), BASE, report(), STORE).digest
        != compose(loose, BASE, report(), STORE).digest
    )


def test_how_often_a_graph_was_published_before_is_no_part_of_the_artifact():
    assert compose(resource(), BASE, report(cached=2), STORE) == compose(
        resource(), BASE, report(), STORE
    )


def test_tells_which_buckets_a_report_holds():
    assert holds(report(SMALL, LARGE), (SMALL,))
    assert not holds(report(SMALL), (SMALL, LARGE))


LIMITS = Limits(absolute=1e-4, relative=1e-4, min_agreement=0.99)


@pytest.mark.parametrize(
    ("figures", "verdict"),
    [
        ({}, True),
        ({"error": 1e-4}, True),
        ({"error": 2e-4}, False),
        ({"agreement": 0.98}, False),
        ({"error": None}, False),
        ({"agreement": None}, False),
    ],
    ids=str,
)
def test_a_row_is_within_limits_only_where_it_surely_is(figures, verdict):
    assert within(row(SMALL, **figures), LIMITS) is verdict


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, True),
        ({"absolute": 1.0}, True),
        ({"absolute": 1e-5}, False),
        ({"relative": 1e-5}, False),
        ({"min_agreement": 0.995}, False),
        ({"min_agreement": 0.5}, True),
    ],
    ids=str,
)
def test_limits_are_no_stricter_when_no_part_is(change, verdict):
    assert no_stricter(LIMITS.model_copy(update=change), LIMITS) is verdict
