"""Greedy and beam search over logits, token for token as transformers' ``generate`` without sampling.

Each text is searched by itself: who shares its batch changes nothing. Answers are tokens after the start token, up to
the end token, which is among them unless the length was over first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracedmodel_api.generation import Generation
from tracedmodel_api.report import Failure

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]
Step = Callable[[Ints, int], Floats]
"""From tokens (rows, length) and the place of the last real one to the logits (rows, vocabulary) of what follows."""

_NEVER = np.float32(-1e9)


@dataclass(frozen=True)
class Found:
    """A finished answer: its tokens, and its log probability over its length; 0 where nothing was compared."""

    tokens: tuple[int, ...]
    score: float = 0.0


def search(step: Step, texts: int, beams: int, length: int, rules: Generation) -> list[list[Found]]:
    """Return each text's finished answers, best first; more than one where there are ``beams``.

    ``step`` gets ``texts * beams`` rows of ``length`` tokens, the start token first; what stands after the place is
    padding. Raises Failure NotFinite where logits are not numbers.
    """
    if beams == 1:
        return [[Found(tokens)] for tokens in _greedy(step, texts, length, rules)]
    return _BeamSearch(step, texts, beams, length, rules).run()


def _greedy(step: Step, texts: int, length: int, rules: Generation) -> list[tuple[int, ...]]:
    ids = _started((texts, length), rules)
    lengths = np.full(texts, length - 1)
    going = np.ones(texts, np.bool_)
    for place in range(length - 1):
        scores = _obeying(_finite(step(ids, place), going), place, length, rules)
        chosen = scores.argmax(axis=1)
        ids[going, place + 1] = chosen[going]
        ends = going & np.isin(chosen, rules.eos_token_ids)
        lengths[ends] = place + 1
        going &= ~ends
        if not going.any():
            break
    return [_tokens(row, count) for row, count in zip(ids, lengths, strict=True)]


class _BeamSearch:
    """One search. Arrays are by text and beam; a beam's score is the sum of its tokens' log probabilities."""

    def __init__(self, step: Step, texts: int, beams: int, length: int, rules: Generation) -> None:
        self._step, self._rules = step, rules
        self._texts, self._beams, self._length = texts, beams, length
        self._kept = max(2, 1 + len(rules.eos_token_ids)) * beams
        self._running = _started((texts, beams, length), rules)
        self._scores = np.zeros((texts, beams), np.float32)
        # All beams are alike at first: only the tokens of one count.
        self._scores[:, 1:] = _NEVER
        self._finished = self._running.copy()
        self._finished_scores = np.full((texts, beams), _NEVER)
        self._finished_lengths = np.zeros((texts, beams), np.int64)
        self._open = np.ones(texts, np.bool_)

    def run(self) -> list[list[Found]]:
        """Return each text's finished answers, best first."""
        for place in range(self._length - 1):
            scores, candidates = self._candidates(place)
            ends = np.isin(candidates[:, :, place + 1], self._rules.eos_token_ids)
            ends |= place + 2 == self._length
            self._go_on(scores, candidates, ends)
            self._finish(scores, candidates, ends, place + 1)
            self._close(scores, place + 1)
            if not self._open.any():
                break
        return [self._answers(text) for text in range(self._texts)]

    def _candidates(self, place: int) -> tuple[Floats, Ints]:
        """Return the best continuations of all beams: scores (texts, kept), tokens (texts, kept, length)."""
        logits = self._step(self._running.reshape(-1, self._length), place)
        log_probs = _log_softmax(_finite(logits, np.repeat(self._open, self._beams)))
        log_probs = _obeying(log_probs, place, self._length, self._rules)
        if self._rules.renormalized:
            log_probs = _log_softmax(log_probs)
        size = log_probs.shape[-1]
        totals = log_probs.reshape(self._texts, self._beams, size) + self._scores[:, :, None]
        scores, chosen = _largest(totals.reshape(self._texts, -1), self._kept)
        candidates = _rows(self._running, chosen // size)
        candidates[:, :, place + 1] = chosen % size
        return scores, candidates

    def _go_on(self, scores: Floats, candidates: Ints, ends: NDArray[np.bool_]) -> None:
        """Take the best candidates that do not end as beams."""
        self._scores, chosen = _largest(np.where(ends, scores + _NEVER, scores), self._beams)
        self._running = _rows(candidates, chosen)

    def _finish(
        self, scores: Floats, candidates: Ints, ends: NDArray[np.bool_], count: int
    ) -> None:
        """Keep the best finished answers; a candidate that ends counts if it is among the first ``beams``."""
        first = np.arange(self._kept) < self._beams
        counts = ends & first & self._open[:, None]
        normal = scores / np.float32(_penalty(count, self._rules)) + np.where(
            counts, np.float32(0), _NEVER
        )
        merged = np.concatenate([self._finished_scores, normal], axis=1)
        lengths = np.concatenate([self._finished_lengths, counts * count], axis=1)
        self._finished_scores, chosen = _largest(merged, self._beams)
        self._finished_lengths = np.take_along_axis(lengths, chosen, axis=1)
        self._finished = _rows(np.concatenate([self._finished, candidates], axis=1), chosen)

    def _close(self, scores: Floats, count: int) -> None:
        """Close the texts whose finished answers no beam can improve, or need not."""
        rules = self._rules
        full = (self._finished_lengths > 0).all(axis=1)
        if rules.early_stopping is True:
            self._open &= ~full
        hopeful = rules.early_stopping == "never" and rules.length_penalty > 0
        reach = self._length - 1 if hopeful else count
        best = (self._scores if rules.attainable == "running" else scores)[:, 0]
        worst = np.where(full, self._finished_scores.min(axis=1), _NEVER)
        self._open &= best / _penalty(reach, rules) > worst

    def _answers(self, text: int) -> list[Found]:
        rows = zip(
            self._finished[text],
            self._finished_lengths[text].tolist(),
            self._finished_scores[text].tolist(),
            strict=True,
        )
        return [Found(_tokens(row, count), score) for row, count, score in rows if count]


def _started(shape: tuple[int, ...], rules: Generation) -> Ints:
    ids = np.full(shape, rules.pad_token_id, np.int64)
    ids[..., 0] = rules.start_token_id
    return ids


def _tokens(row: Ints, count: int) -> tuple[int, ...]:
    return tuple(row[1 : count + 1].tolist())


def _obeying(scores: Floats, place: int, length: int, rules: Generation) -> Floats:
    """Return scores in which only those tokens are possible that the rules allow after ``place``."""
    allowed = scores.copy()
    allowed[:, list(rules.banned_token_ids)] = -np.inf
    if place == 0 and rules.forced_first_token_id is not None:
        allowed = _forced(scores, (rules.forced_first_token_id,))
    if place == length - 2 and rules.forced_last_token_ids:
        allowed = _forced(scores, rules.forced_last_token_ids)
    return allowed


def _forced(scores: Floats, tokens: tuple[int, ...]) -> Floats:
    forced = np.full_like(scores, -np.inf)
    forced[:, list(tokens)] = 0
    return forced


def _penalty(count: int, rules: Generation) -> float:
    return float(count**rules.length_penalty)


def _finite(logits: Floats, matter: NDArray[np.bool_]) -> Floats:
    if not np.isfinite(logits[matter]).all():
        raise Failure("NotFinite", "logits of the decoder have NaN or infinity")
    return logits


def _log_softmax(logits: Floats) -> Floats:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def _largest(values: Floats, count: int) -> tuple[Floats, Ints]:
    """Return the ``count`` largest of each row and their places, largest first, of equals the first."""
    places = np.sort(np.argpartition(-values, count - 1, axis=1)[:, :count], axis=1)
    found = np.take_along_axis(values, places, axis=1)
    order = np.argsort(-found, axis=1, kind="stable")
    return np.take_along_axis(found, order, axis=1), np.take_along_axis(places, order, axis=1)


def _rows(arrays: Ints, chosen: Ints) -> Ints:
    """Return the chosen beams (texts, chosen, length) of arrays (texts, beams, length), copied."""
    return np.take_along_axis(arrays, chosen[:, :, None], axis=1)
