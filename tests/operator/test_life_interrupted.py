"""The operator is stopped at each single request of a whole life, and started afresh."""

import pytest

from lives import LIFE, live, remains


def requests_of_a_life(until: int) -> int:
    return live(None, until=until).requests[0]


@pytest.fixture(scope="module")
def undisturbed() -> list:
    return [remains(live(None, until=until)) for until in range(1, len(LIFE) + 1)]


LENGTHS = [requests_of_a_life(until) for until in range(1, len(LIFE) + 1)]


def chapters() -> list[tuple[int, int]]:
    """Each request of the longest life, with the chapter in which it is sent."""
    return [
        (position, next(i + 1 for i, length in enumerate(LENGTHS) if position <= length))
        for position in range(1, LENGTHS[-1] + 1)
    ]


@pytest.mark.parametrize("after", [False, True], ids=["before", "unanswered"])
@pytest.mark.parametrize(("position", "chapter"), chapters())
def test_a_life_ends_the_same_whichever_request_was_the_last_of_its_operator(
    position, chapter, after, undisturbed
):
    disturbed = live(position, after=after, until=chapter)
    assert disturbed.starts == 2
    assert remains(disturbed) == undisturbed[chapter - 1]


@pytest.mark.parametrize("after", [False, True], ids=["before", "unanswered"])
@pytest.mark.parametrize(("position", "_"), chapters())
def test_nothing_is_left_over_after_a_deletion_whichever_request_was_the_last(position, _, after):
    disturbed = live(position, after=after)
    assert sum(map(len, disturbed.names().values())) == 0
