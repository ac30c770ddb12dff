import pytest

from tracedmodel_api import conditions as c
from tracedmodel_api.status import Condition, Failure, Status
from tracedmodel_operator.happenings import Happening, Regarding, Severity, happenings

TIME = "2026-01-02T03:04:05Z"
GOOD, BAD = ("True", "False")
MINILM = Regarding("search", "minilm", "u-1")


def status(*said, failure=None):
    conditions = [
        Condition(type=kind, status=is_so, reason=reason, message=words, last_transition_time=TIME)
        for kind, is_so, reason, words in said
    ]
    return Status(conditions=conditions, last_failure=failure)


def told(old, new):
    found = happenings(old, new, MINILM)
    assert all(happening.regarding == MINILM for happening in found)
    return [(h.type.value, h.reason, h.message) for h in found]


EXPORTING = status(
    ("Ready", BAD, c.EXPORT_RUNNING, "attempt 1 runs: it is new"),
    ("Exported", BAD, c.EXPORT_RUNNING, "attempt 1 runs: it is new"),
    ("Available", BAD, c.NOTHING_EXPORTED, "nothing is served yet"),
    ("Reconciling", GOOD, c.EXPORT_RUNNING, "attempt 1 runs: it is new"),
)
ROLLING = status(
    ("Ready", BAD, c.ROLLOUT_IN_PROGRESS, "0 of 2 replicas are available"),
    ("Exported", GOOD, c.PUBLISHED, "artifact abc"),
    ("Available", BAD, c.REPLICAS_UNAVAILABLE, "0 of 2 replicas are available"),
    ("Reconciling", GOOD, c.ROLLOUT_IN_PROGRESS, "0 of 2 replicas are available"),
)
SERVING = status(
    ("Ready", GOOD, c.SUCCEEDED, "artifact abc; 2 replicas up"),
    ("Exported", GOOD, c.PUBLISHED, "artifact abc"),
    ("Available", GOOD, c.REPLICAS_AVAILABLE, "2 of 2 replicas are available"),
)


def test_what_three_conditions_say_is_told_once():
    assert told(Status(), EXPORTING) == [
        ("Normal", "ExportRunning", "attempt 1 runs: it is new"),
    ]


def test_an_export_that_succeeded_and_the_rollout_that_follows_are_told():
    assert told(EXPORTING, ROLLING) == [
        ("Normal", "Published", "artifact abc"),
        ("Normal", "RolloutInProgress", "0 of 2 replicas are available"),
    ]


def test_that_nothing_answers_is_told_where_something_did():
    unavailable = status(("Available", BAD, c.REPLICAS_UNAVAILABLE, "0 of 2 replicas"))
    answered = status(("Available", GOOD, c.REPLICAS_AVAILABLE, "2 of 2 replicas"))
    assert told(answered, unavailable) == [("Warning", "ReplicasUnavailable", "0 of 2 replicas")]
    assert told(Status(), unavailable) == []


def test_a_resource_that_is_ready_is_told_once():
    assert told(ROLLING, SERVING) == [("Normal", "Succeeded", "artifact abc; 2 replicas up")]


def test_a_message_alone_is_no_news():
    more = status(("Ready", GOOD, c.SUCCEEDED, "3 replicas up"))
    assert told(SERVING, more) == []
    assert told(SERVING, SERVING) == []


def test_a_failure_for_good_is_a_warning_in_its_own_sentence():
    words = "bucket 1x32 is off by 0.2"
    stalled = status(
        ("Ready", BAD, "ToleranceMissed", words),
        ("Exported", BAD, "ToleranceMissed", words),
        ("Available", BAD, c.NOTHING_EXPORTED, "nothing is served yet"),
        ("Stalled", GOOD, "ToleranceMissed", words),
    )
    assert told(EXPORTING, stalled) == [("Warning", "ToleranceMissed", words)]


def backing_off(failure):
    words = "StoreUnreachable: no answer; next attempt at 2026-01-02T03:14:05Z"
    said = [(kind, BAD, c.BACKING_OFF, words) for kind in ("Ready", "Exported")]
    return status(*said, failure=failure)


def test_a_passing_failure_is_told_without_the_time_of_the_next_attempt():
    failure = Failure(reason="StoreUnreachable", message="no answer")
    assert told(EXPORTING, backing_off(failure)) == [
        ("Warning", "BackingOff", "StoreUnreachable: no answer"),
    ]


def test_a_passing_failure_that_left_no_sentence_is_told_by_its_condition():
    ((_, _, words),) = told(EXPORTING, backing_off(None))
    assert words.startswith("StoreUnreachable: no answer; next attempt")


def test_an_old_failure_is_not_told_in_place_of_a_new_one():
    old = Failure(reason="StoreUnreachable", message="no answer")
    late = status(("Ready", BAD, c.ROLLOUT_FAILED, "no progress"), failure=old)
    assert told(Status(), late) == [("Warning", "RolloutFailed", "no progress")]


@pytest.mark.parametrize(
    ("kind", "reason"), [("Available", c.IN_PLACE_ROLLOUT), ("Ready", c.ROLLOUT_QUEUED)]
)
def test_what_was_asked_for_is_no_warning(kind, reason):
    before = status((kind, GOOD, "Succeeded", "as it was"))
    assert told(before, status((kind, BAD, reason, "as asked"))) == [("Normal", reason, "as asked")]


def test_a_stall_for_a_reason_that_was_known_is_news():
    late = ("Ready", BAD, c.ROLLOUT_FAILED, "no progress")
    before = status(late)
    after = status(late, ("Stalled", GOOD, c.ROLLOUT_FAILED, "no progress"))
    assert told(before, after) == [("Warning", "RolloutFailed", "no progress")]


def test_a_stall_that_is_over_is_told_by_what_follows():
    before = status(("Stalled", GOOD, c.ROLLED_BACK, "back to abc"))
    assert told(before, Status()) == []


def test_a_suspension_is_no_failure():
    words = "spec.suspend is set"
    said = [(kind, BAD, c.SUSPENDED_BY_USER, words) for kind in ("Ready", "Exported")]
    suspended = status(*said, ("Suspended", GOOD, c.SUSPENDED_BY_USER, words))
    assert told(Status(), suspended) == [("Normal", "SuspendedByUser", words)]


@pytest.mark.parametrize(
    ("kind", "is_so", "severity"),
    [
        ("Ready", GOOD, "Normal"),
        ("Ready", BAD, "Warning"),
        ("Exported", "Unknown", "Warning"),
        ("Available", BAD, "Warning"),
        ("Stalled", GOOD, "Warning"),
        ("Suspended", GOOD, "Normal"),
    ],
)
def test_a_reason_of_tomorrow_is_told_by_the_polarity_of_its_condition(kind, is_so, severity):
    before = status((kind, GOOD, "Succeeded", "as it was"))
    new = status((kind, is_so, "NobodyKnowsYet", "because"))
    assert told(before, new) == [(severity, "NobodyKnowsYet", "because")]


@pytest.mark.parametrize(
    "reason", [c.EXPORT_PENDING, c.NOTHING_EXPORTED, c.REPLICAS_AVAILABLE], ids=str
)
def test_steps_that_say_nothing_new_are_not_told(reason):
    assert told(Status(), status(("Exported", BAD, reason, "about to start"))) == []


def test_what_only_repeats_ready_is_not_told():
    assert told(Status(), status(("Reconciling", GOOD, "Anything", "because"))) == []


def test_a_happening_is_about_the_resource_by_its_uid():
    (found,) = happenings(Status(), status(("Ready", GOOD, c.SUCCEEDED, "up")), MINILM)
    assert found == Happening(MINILM, Severity.NORMAL, "Succeeded", "up")
