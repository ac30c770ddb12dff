"""Our search against transformers' own, token by token, whatever version is installed."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
import transformers

import tiny_marian
from tracedmodel_api.report import Failure
from tracedmodel_exporter.generation import read_generation
from tracedmodel_exporter.padded import PaddedDecoder, PaddedEncoder
from tracedmodel_runtime.search import search

SOURCE, TARGET = 10, 14
SETTINGS = {
    "as Marian has it": {"sharp": 1.0},
    "short answers": {"sharp": 0.1, "end": 1.0},
    "a prize for length": {"sharp": 0.15, "end": 2.0, "length_penalty": 2.0},
    "a prize for shortness": {"sharp": 0.15, "end": 2.0, "length_penalty": -1.0},
    "early stopping": {"sharp": 0.1, "end": 2.0, "early_stopping": True},
    "no early stopping": {
        "sharp": 0.1,
        "end": 2.0,
        "early_stopping": "never",
        "length_penalty": 1.5,
    },
    "no forced end, renormalized": {
        "sharp": 0.12,
        "end": 1.5,
        "forced_eos_token_id": None,
        "renormalize_logits": True,
    },
    "forced beginning": {
        "sharp": 0.12,
        "end": 1.5,
        "forced_bos_token_id": 5,
        "suppress_tokens": [7, 8],
    },
}


def padded(texts):
    """Return ids and mask of the texts, as tensors."""
    ids = np.full((len(texts), SOURCE), tiny_marian.PAD)
    mask = np.zeros_like(ids)
    for row, text in enumerate(texts):
        ids[row, : len(text)], mask[row, : len(text)] = text, 1
    return torch.from_numpy(ids), torch.from_numpy(mask)


def ours(model, ids, mask, beams):
    """Return the answers of our search over the padded modules, the start token first."""
    encoder, decoder = PaddedEncoder(model), PaddedDecoder(model)
    with torch.no_grad():
        hidden = encoder(ids, mask)[0].repeat_interleave(beams, 0)
        masks = mask.repeat_interleave(beams, 0)

        def step(rows, place):
            place = torch.tensor(place)
            return decoder(torch.from_numpy(rows), masks, hidden, place)[0].numpy()

        rules = read_generation(model.generation_config)
        found = search(step, len(ids), beams, TARGET, rules)
    return [[tiny_marian.PAD, *answers[0].tokens] for answers in found]


def theirs(model, ids, mask, beams):
    """Return the answers of ``generate``, without the padding at their ends."""
    with torch.no_grad(), warnings.catch_warnings():
        # Older versions warn that a single beam has no use for some settings.
        warnings.simplefilter("ignore")
        rows = model.generate(
            input_ids=ids,
            attention_mask=mask,
            num_beams=beams,
            max_length=TARGET,
            do_sample=False,
        ).tolist()
    for row in rows:
        while len(row) > 1 and row[-1] == tiny_marian.PAD:
            row.pop()
    return rows


@pytest.mark.transformers
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("beams", [1, 2, 4])
def test_answers_are_those_of_generate_token_by_token(beams, settings):
    for seed in (0, 1):
        model = tiny_marian.build(seed, **settings)
        for count in (1, 3):
            texts = tiny_marian.texts(np.random.default_rng(seed), count, SOURCE)
            ids, mask = padded(texts)
            assert ours(model, ids, mask, beams) == theirs(model, ids, mask, beams)


@pytest.mark.transformers
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("no_repeat_ngram_size", 3),
        ("repetition_penalty", 1.2),
        ("min_length", 5),
        ("bad_words_ids", [[3, 4]]),
    ],
)
def test_a_setting_that_our_search_does_not_know_is_refused_by_name(name, value):
    config = transformers.GenerationConfig(
        eos_token_id=0, decoder_start_token_id=9, **{name: value}
    )
    with pytest.raises(Failure, match=r"generation_config\.json") as caught:
        read_generation(config)
    assert caught.value.reason.name == "UnsupportedTask"


@pytest.mark.parametrize("missing", ["eos_token_id", "decoder_start_token_id"])
def test_a_config_without_start_or_end_is_refused(missing):
    fields = {"eos_token_id": 0, "decoder_start_token_id": 9}
    config = transformers.GenerationConfig(**{n: v for n, v in fields.items() if n != missing})
    with pytest.raises(
        Failure, match="needs a decoder_start_token_id and an eos_token_id"
    ) as caught:
        read_generation(config)
    assert caught.value.reason.name == "InvalidModelFiles"


def test_what_is_not_said_is_what_transformers_takes_for_it():
    rules = read_generation(transformers.GenerationConfig(eos_token_id=[0, 2], bos_token_id=1))
    assert (rules.start_token_id, rules.eos_token_ids, rules.pad_token_id) == (1, (0, 2), 0)
    assert (rules.length_penalty, rules.early_stopping, rules.renormalized) == (1, False, False)
    assert rules.banned_token_ids == rules.forced_last_token_ids == ()
