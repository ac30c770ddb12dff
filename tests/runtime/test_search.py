from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracedmodel_api.generation import Generation
from tracedmodel_api.report import Failure
from tracedmodel_runtime.search import Found, search

EOS, START = 0, 5
WORDS = 6


def rules(**changes):
    fields = {"start_token_id": START, "eos_token_ids": [EOS], "pad_token_id": START}
    return Generation.model_validate(fields | {"banned_token_ids": [START]} | changes)


class Told:
    """Logits that depend on a row's last two tokens and its place, and on nothing else; it counts its steps."""

    def __init__(self, seed, rows=1, end=0.0):
        self.table = np.random.default_rng(seed).standard_normal((8, WORDS, WORDS, WORDS)) * 2
        self.table[..., EOS] += end
        self.rows = rows
        self.steps = 0
        self.wrong = {}

    def __call__(self, ids, place):
        assert len(ids) == self.rows
        self.steps += 1
        before = ids[:, max(0, place - 1)]
        logits = self.table[place, before, ids[:, place]].astype(np.float32)
        for row, value in self.wrong.items():
            logits[row, 1] = value
        return logits

    def score(self, tokens, length, given):
        """The log probability of an answer over its length, found by looking each token up."""
        total, row = 0.0, [START, *tokens]
        for place, token in enumerate(tokens):
            logits = self.table[place, row[max(0, place - 1)], row[place]].astype(np.float32)
            shifted = logits - logits.max()
            chance = shifted[token] - np.log(np.exp(shifted).sum())
            last = place == length - 2 and given.forced_last_token_ids
            total += 0.0 if last and token in given.forced_last_token_ids else chance
        return total / len(tokens) ** given.length_penalty


def answers(length, given):
    """Every answer that is possible in ``length`` tokens, the start token among them."""
    for count in range(1, length):
        for tokens in itertools.product(range(WORDS), repeat=count):
            open_until_last = EOS not in tokens[:-1] and START not in tokens
            last = count == length - 1
            ended = tokens[-1] == EOS or (last and not given.forced_last_token_ids)
            if open_until_last and ended:
                yield tokens


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.booleans(), st.sampled_from([0.0, 0.7, 1.0, 2.0]))
def test_a_search_as_wide_as_all_answers_finds_the_best_of_them(seed, forced, penalty):
    given_ = rules(
        length_penalty=penalty,
        early_stopping="never",
        forced_last_token_ids=[EOS] if forced else [],
    )
    told = Told(seed, rows=150)
    best = search(told, 1, 150, 4, given_)[0][0]
    expected = max(answers(4, given_), key=lambda tokens: told.score(tokens, 4, given_))
    assert best.tokens == expected
    assert best.score == pytest.approx(told.score(expected, 4, given_), abs=1e-5)


def test_a_greedy_search_takes_the_likeliest_token_each_time():
    told = Told(3)
    (found,) = search(told, 1, 1, 8, rules())[0]
    row = [START]
    for place, token in enumerate(found.tokens):
        scores = told.table[place, row[max(0, place - 1)], row[place]]
        assert token == max(range(START), key=lambda one: scores[one])
        row.append(token)
    assert EOS not in found.tokens[:-1]
    assert found.tokens[-1] == EOS or len(found.tokens) == 7


@pytest.mark.parametrize("beams", [1, 2, 4])
@pytest.mark.parametrize("stopping", [False, True, "never"])
def test_who_shares_the_batch_changes_no_answer(beams, stopping):
    given_ = rules(early_stopping=stopping, length_penalty=1.5)
    tables = [Told(seed, rows=beams, end=seed % 3) for seed in range(6)]
    alone = [search(told, 1, beams, 8, given_)[0] for told in tables]

    def together(ids, place):
        parts = np.split(ids, 6)
        return np.concatenate([told(part, place) for told, part in zip(tables, parts, strict=True)])

    assert search(together, 6, beams, 8, given_) == alone
    assert len({found[0].tokens for found in alone}) > 1


@pytest.mark.parametrize("beams", [1, 3])
def test_a_search_ends_as_soon_as_every_text_has_its_answer(beams):
    told = Told(1, rows=2 * beams, end=50.0)
    found = search(told, 2, beams, 8, rules(early_stopping=True))
    assert [one[0].tokens for one in found] == [(EOS,), (EOS,)]
    assert told.steps < 4


def test_an_older_transformers_looks_further_for_answers():
    """What has just ended counted as a beam that may go on: such a search takes more steps, and may find better."""
    steps = {}
    for attainable in ("running", "candidates"):
        told = [Told(seed, rows=3, end=1.0) for seed in range(20)]
        for one in told:
            search(one, 1, 3, 8, rules(attainable=attainable))
        steps[attainable] = sum(one.steps for one in told)
    assert steps["candidates"] > steps["running"]


@pytest.mark.parametrize("beams", [1, 2])
def test_answers_keep_to_the_rules(beams):
    given_ = rules(
        banned_token_ids=[1, START],
        forced_first_token_id=4,
        forced_last_token_ids=[2],
        eos_token_ids=[EOS, 3],
    )
    for seed in range(10):
        tokens = search(Told(seed, rows=beams, end=-2.0), 1, beams, 6, given_)[0][0].tokens
        assert tokens[0] == 4
        assert not {1, START} & set(tokens)
        assert tokens[-1] in ((EOS, 3) if len(tokens) < 5 else (2,))


def test_renormalized_probabilities_sum_to_one_without_the_banned_tokens():
    told = Told(2, rows=2)
    told.table[..., 1] = 20
    banned = [1, START]
    plain, renormalized = (
        search(told, 1, 2, 5, rules(banned_token_ids=banned, renormalized=on))[0][0]
        for on in (False, True)
    )
    assert plain.score < -10
    assert -5 < renormalized.score < 0


@pytest.mark.parametrize("beams", [1, 2])
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_logits_that_are_no_numbers_are_not_searched(beams, wrong):
    told = Told(2, rows=beams)
    told.wrong = {0: wrong}
    with pytest.raises(Failure, match="NaN or infinity") as caught:
        search(told, 1, beams, 5, rules())
    assert caught.value.reason.name == "NotFinite"


def test_what_the_logits_of_an_answered_text_are_does_not_matter():
    told = Told(1, rows=2, end=0.0)

    def step(ids, place):
        logits = told(ids, place)
        logits[0] = np.nan if place else np.eye(WORDS, dtype=np.float32)[EOS] * 99
        return logits

    assert search(step, 2, 1, 8, rules())[0] == [Found((EOS,))]
