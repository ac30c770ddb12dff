from datetime import datetime, timedelta, timezone

import pytest

from tracedmodel_operator.moments import read, spell

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678999, timezone.utc)


def test_a_moment_is_cut_to_whole_seconds():
    assert spell(MOMENT) == "2026-01-02T03:04:05Z"


@pytest.mark.parametrize(
    ("unit", "spelt"), [("milliseconds", "05.678Z"), ("microseconds", "05.678999Z")]
)
def test_a_moment_may_be_told_more_exactly(unit, spelt):
    assert spell(MOMENT, unit) == f"2026-01-02T03:04:{spelt}"


def test_a_whole_second_has_as_many_digits_as_any():
    assert spell(MOMENT.replace(microsecond=0), "microseconds") == "2026-01-02T03:04:05.000000Z"


def test_a_moment_is_told_in_universal_time_wherever_it_was_taken():
    elsewhere = MOMENT.astimezone(timezone(timedelta(hours=-5)))
    assert spell(elsewhere, "microseconds") == spell(MOMENT, "microseconds")


def test_what_is_spelt_is_read_again():
    assert read(spell(MOMENT, "microseconds")) == MOMENT
    assert read("2026-01-02T03:04:05.678999+00:00") == MOMENT


@pytest.mark.parametrize("text", [None, ""])
def test_no_text_is_no_moment(text):
    assert read(text) is None


def test_a_text_that_is_no_moment_is_refused():
    with pytest.raises(ValueError, match="soon"):
        read("soon")
