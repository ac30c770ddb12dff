"""The grouping of tokens into entities, on tags that no model need be found for."""

from types import SimpleNamespace

import numpy as np
import pytest

from tracedmodel_server.tasks.entities import _entity, _groups

LABELS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC", "MISC")
TEXT = "aa bb cc dd"


def entities(*tags, special=()):
    scores = np.full((len(tags), len(LABELS)), 0.1)
    for place, tag in enumerate(tags):
        scores[place, LABELS.index(tag)] = 0.5 + place / 10
    found = SimpleNamespace(
        offsets=[(3 * place, 3 * place + 2) for place in range(len(tags))],
        special_tokens_mask=[int(place in special) for place in range(len(tags))],
    )
    groups = [group for group in _groups(LABELS, found, scores) if group.tag != "O"]
    return [_entity(group, TEXT) for group in groups]


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        (("O", "O", "O", "O"), []),
        (("B-PER", "I-PER", "O", "B-LOC"), [("PER", "aa bb"), ("LOC", "dd")]),
        (("B-PER", "B-PER", "I-PER", "O"), [("PER", "aa"), ("PER", "bb cc")]),
        (("I-PER", "I-PER", "I-LOC", "O"), [("PER", "aa bb"), ("LOC", "cc")]),
        (("B-PER", "O", "I-PER", "O"), [("PER", "aa"), ("PER", "cc")]),
        (("MISC", "MISC", "O", "MISC"), [("MISC", "aa bb"), ("MISC", "dd")]),
    ],
)
def test_a_tag_goes_on_until_another_comes_or_it_begins_anew(tags, words):
    assert [(one["entity_group"], one["word"]) for one in entities(*tags)] == words


def test_the_score_is_the_mean_of_the_tokens():
    assert entities("B-PER", "I-PER")[0]["score"] == pytest.approx(0.55)


def test_special_tokens_are_no_words():
    assert entities("B-PER", "B-PER", "B-PER", special=(0, 2)) == [
        {"entity_group": "PER", "score": pytest.approx(0.6), "word": "bb", "start": 3, "end": 5}
    ]
