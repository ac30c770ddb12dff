"""How a wait ends."""

import pytest

import pods
from resources import World, failed
from states import (
    OTHER,
    PROVED_WRONG,
    SUSPEND,
    changed_but_unseen,
    deleting,
    document,
    edited,
    ended,
    exporting,
    past_rollout_deadline,
    ready,
    rolled_back,
    rolling,
)
from tracedmodel_operator.cli.progress import Progress, progress


def of(world):
    return progress(document(world))


def test_ready_ends_with_0():
    assert of(ready()).exit_code == 0


@pytest.mark.parametrize(
    ("world", "code"),
    [
        (ended(failed("NotFinite")), 19),
        (rolling(pods.crashed(PROVED_WRONG, 2)), 33),
        (rolled_back(*[pods.crashed(PROVED_WRONG)] * 2), 33),
        (past_rollout_deadline(), 1),
    ],
)
def test_stalled_ends_with_the_exit_code_of_what_failed(world, code):
    assert of(world).exit_code == code


def test_what_goes_on_by_itself_is_waited_for():
    assert of(ended(failed("StoreUnreachable"))).exit_code is None
    assert of(rolling()).exit_code is None


def test_while_an_export_runs_its_log_is_worth_a_look():
    told = "ExportRunning: attempt 1 runs: nothing is exported yet"
    assert of(exporting()) == Progress(told, exporting=True)


@pytest.mark.parametrize("world", [World(), changed_but_unseen()])
def test_before_the_operator_looked_nothing_counts(world):
    assert of(world) == Progress("waiting for the operator to look at it")


def test_a_retry_that_the_operator_has_not_heard_of_is_not_judged_by_the_last_failure():
    item = document(ended(failed("NotFinite")))
    item["metadata"]["annotations"] = {"tracedmodel.dev/requested-at": "now"}
    assert progress(item).exit_code is None
    item["status"]["lastHandledRequestedAt"] = "now"
    assert progress(item).exit_code == 19


def test_what_is_suspended_with_something_to_do_would_never_end():
    told = of(edited(edited(ready(), SUSPEND), OTHER))
    assert told.exit_code == 1
    assert told.told.endswith("nothing happens before spec.suspend is false")


def test_what_is_being_deleted_never_becomes_ready():
    assert progress(deleting(document(ready()))) == Progress("it is being deleted", 1)
