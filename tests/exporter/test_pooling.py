from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import transformers
from tokenizers import Tokenizer

import tiny_models
from exports import Artifact, a_request, run
from tracedmodel_api.buckets import Bucket
from tracedmodel_api.report import Failure
from tracedmodel_exporter.pooling import Pooling, read_pooling

BUCKET = Bucket(3, 24)
TEXTS = ("Snow falls on the river", "a word", "Who wrote the first program of the engine?")
OLD_KEYS = {
    "cls": "pooling_mode_cls_token",
    "mean": "pooling_mode_mean_tokens",
    "max": "pooling_mode_max_tokens",
    "mean_sqrt_len": "pooling_mode_mean_sqrt_len_tokens",
}
POOLED = {
    "cls": lambda tokens: tokens[0],
    "mean": lambda tokens: tokens.mean(0),
    "max": lambda tokens: tokens.max(0),
    "mean_sqrt_len": lambda tokens: tokens.sum(0) / np.sqrt(len(tokens)),
}


def named(folder, config, *kinds):
    """Write sentence-transformers' files that name modules and the way to pool."""
    kinds = kinds or ("Transformer", "Pooling", "Normalize")
    listing = [
        {"idx": i, "name": str(i), "path": f"{i}_{kind}" if i else "", "type": f"package.{kind}"}
        for i, kind in enumerate(kinds)
    ]
    (folder / "modules.json").write_text(json.dumps(listing))
    (folder / "1_Pooling").mkdir(exist_ok=True)
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(config))
    return folder


def old(mode):
    """The older way to name a mode: a flag each."""
    return {key: name == mode for name, key in OLD_KEYS.items()}


@pytest.mark.transformers
@pytest.mark.parametrize("normalize", [True, False], ids=["normalized", "as it is"])
@pytest.mark.parametrize("mode", POOLED)
def test_an_embedding_is_pooled_as_the_models_files_say(mode, normalize, copied, store):
    folder = copied("distilbert", "FeatureExtraction")
    kinds = ("Transformer", "Pooling", *(["Normalize"] if normalize else []))
    named(folder, old(mode), *kinds)
    request = a_request(folder, store, "FeatureExtraction", BUCKET)
    report, _ = run(request)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    model = transformers.AutoModel.from_pretrained(folder).eval()
    texts = [tokenizer.encode(text) for text in TEXTS]
    with Artifact(request, report.rows[0]) as artifact:
        assert (artifact.card.pooling, artifact.card.normalized) == (mode, normalize)
        assert artifact.card.embedding_size == 32
        found = artifact.answers(texts)
    for text, (embedding,) in zip(texts, found, strict=True):
        with torch.no_grad():
            tokens = model(torch.tensor([text.ids]))[0][0].numpy()
        expected = POOLED[mode](tokens)
        if normalize:
            expected = expected / np.linalg.norm(expected)
        assert np.abs(embedding - expected).max() < 1e-5


def test_a_model_without_sentence_transformers_files_is_pooled_by_the_mean(tmp_path):
    assert read_pooling(tmp_path) == Pooling("mean", normalize=False)


@pytest.mark.parametrize("mode", POOLED)
def test_the_newer_key_of_the_mode_means_the_same_as_the_older_flags(mode, tmp_path):
    pooling = Pooling(mode, normalize=True)
    assert read_pooling(named(tmp_path, old(mode))) == pooling
    assert read_pooling(named(tmp_path, {"pooling_mode": mode})) == pooling
    assert read_pooling(named(tmp_path, {"pooling_mode": [mode]})) == pooling


def test_the_fakes_way_to_name_a_mode_is_read(tmp_path):
    assert read_pooling(tiny_models.pool(tmp_path, "max", normalize=False)) == Pooling("max")


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"pooling_mode": "lasttoken"}, "pools by lasttoken; supported is one of cls, mean"),
        ({"pooling_mode": ["mean", "cls"]}, "pools by mean and cls"),
        ({"pooling_mode_weightedmean_tokens": True}, "pools by weightedmean"),
        (old("mean") | old("cls") | {OLD_KEYS["mean"]: True}, "pools by cls and mean"),
        ({}, "pools by nothing"),
    ],
)
def test_a_mode_that_is_not_supported_is_named(config, sentence, tmp_path):
    with pytest.raises(Failure, match=sentence) as caught:
        read_pooling(named(tmp_path, config))
    assert caught.value.reason.name == "UnsupportedTask"


def test_a_module_that_is_not_supported_is_named(tmp_path):
    with pytest.raises(Failure, match="module Dense; supported are Transformer, Pooling") as caught:
        read_pooling(named(tmp_path, old("mean"), "Transformer", "Pooling", "Dense"))
    assert caught.value.reason.name == "UnsupportedTask"


@pytest.mark.parametrize("damage", ["[", '[{"kind": 1}]', '{"a": 1}', "3"])
def test_damaged_sentence_transformers_files_are_invalid(damage, copied, store):
    folder = copied("distilbert", "FeatureExtraction")
    (folder / "modules.json").write_text(damage)
    with pytest.raises(Failure) as caught:
        run(a_request(folder, store, "FeatureExtraction"))
    assert caught.value.reason.name == "InvalidModelFiles"


def test_a_pooling_module_without_its_file_is_invalid(tmp_path):
    named(tmp_path, {})
    (tmp_path / "1_Pooling" / "config.json").unlink()
    with pytest.raises(Failure, match=r"config\.json cannot be read") as caught:
        read_pooling(tmp_path)
    assert caught.value.reason.name == "InvalidModelFiles"
