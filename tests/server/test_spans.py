import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tracedmodel_server.tasks.spans import best_span


def logits(*peaks, length=8):
    values = np.zeros(length, np.float32)
    for place, value in peaks:
        values[place] = value
    return values


INSIDE = np.array([False, False, False, True, True, True, True, False])


def test_the_likeliest_start_and_end_make_the_span():
    assert best_span(logits((4, 9)), logits((5, 9)), INSIDE, 30)[:2] == (4, 5)


def test_a_span_never_ends_before_it_starts():
    first, last, _ = best_span(logits((6, 9)), logits((3, 9)), INSIDE, 30)
    assert first <= last


def test_a_span_is_no_longer_than_asked():
    first, last, _ = best_span(logits((3, 9)), logits((6, 9)), INSIDE, 2)
    assert last - first < 2


def test_what_is_outside_of_the_context_never_answers():
    first, last, _ = best_span(logits((1, 9), (7, 9)), logits((1, 9), (7, 9)), INSIDE, 30)
    assert INSIDE[first]
    assert INSIDE[last]


def test_the_score_falls_where_the_first_token_says_that_there_is_no_answer():
    certain = best_span(logits((4, 9)), logits((5, 9)), INSIDE, 30)[2]
    doubtful = best_span(logits((4, 9), (0, 9)), logits((5, 9), (0, 9)), INSIDE, 30)[2]
    assert doubtful < certain / 3


@given(
    st.lists(st.tuples(st.floats(-9, 9), st.floats(-9, 9), st.booleans()), min_size=2, max_size=12),
    st.integers(1, 15),
)
def test_no_other_span_is_better(tokens, most):
    start, end, inside = (np.array(column) for column in zip(*tokens, strict=True))
    inside = inside.astype(bool)
    inside[-1] = True
    first, last, score = best_span(start.astype(np.float32), end.astype(np.float32), inside, most)
    chances = [
        np.exp(one) / np.exp(one[inside | (np.arange(len(one)) == 0)]).sum() for one in (start, end)
    ]
    best = max(
        chances[0][i] * chances[1][j]
        for i in range(len(tokens))
        for j in range(i, min(i + most, len(tokens)))
        if inside[i] and inside[j]
    )
    assert inside[first]
    assert inside[last]
    assert 0 <= last - first < most
    assert abs(score - best) < 1e-4
