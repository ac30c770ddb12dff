"""Every task on every family, from a folder to a graph that a server would read back."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import transformers
from tokenizers import Tokenizer

import tiny_models
from exports import LARGE, SMALL, Artifact, a_request, run

pytestmark = pytest.mark.transformers

TEXTS = (
    "Snow falls on the river near Oslo",
    "a word",
    "Who reconciles the containers, and what do transformers turn into vectors?",
)
CONTEXT = "Grace Hopper wrote the first program near the bank"
CLASSES = {
    "FeatureExtraction": "AutoModel",
    "TextClassification": "AutoModelForSequenceClassification",
    "TokenClassification": "AutoModelForTokenClassification",
    "QuestionAnswering": "AutoModelForQuestionAnswering",
    "FillMask": "AutoModelForMaskedLM",
}
AXES = {
    "FeatureExtraction": {"embedding": ["batch", "embedding"]},
    "TextClassification": {"logits": ["batch", "label"]},
    "TokenClassification": {"logits": ["batch", "sequence", "label"]},
    "QuestionAnswering": {
        "start_logits": ["batch", "sequence"],
        "end_logits": ["batch", "sequence"],
    },
    "FillMask": {"logits": ["batch", "sequence", "vocabulary"]},
}
LABELS = {"TextClassification": tiny_models.LABELS, "TokenClassification": tiny_models.TAGS}
every_case = [
    pytest.param(family, task, id=f"{family}-{task}")
    for family in tiny_models.FAMILIES
    for task in tiny_models.TASKS
]


def encoded(folder, task):
    """Fresh texts as tokens, alone and without padding; a question stands beside its context."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    if task == "QuestionAnswering":
        return [tokenizer.encode(text, CONTEXT) for text in TEXTS]
    return [tokenizer.encode(text) for text in TEXTS]


def alone(folder, task, encoding, names):
    """What the eager model of transformers answers to one text without padding."""
    model = getattr(transformers, CLASSES[task]).from_pretrained(folder).eval()
    columns = {
        "input_ids": encoding.ids,
        "attention_mask": encoding.attention_mask,
        "token_type_ids": encoding.type_ids,
    }
    with torch.no_grad():
        outputs = model(**{name: torch.tensor([columns[name]]) for name in names})
    if task == "FeatureExtraction":
        return (outputs[0].mean(dim=1)[0].numpy(),)
    return tuple(outputs[number][0].numpy() for number in range(len(AXES[task])))


@pytest.mark.parametrize(("family", "task"), every_case)
def test_a_published_graph_answers_each_text_as_the_eager_model_answers_it_alone(
    family, task, model, store
):
    folder = model(family, task)
    request = a_request(folder, store, task, LARGE)
    report, told = run(request)
    (row,) = report.rows
    assert (row.bucket, row.agreement, report.cached) == (LARGE, 1, 0)
    assert row.error <= 1e-5
    assert told.traced() == ["4x48"]
    with Artifact(request, row) as artifact:
        texts = encoded(folder, task)
        found = artifact.answers(texts)
        for text, answer in zip(texts, found, strict=True):
            expected = alone(folder, task, text, artifact.card.inputs)
            for one, other in zip(answer, expected, strict=True):
                assert one.shape == other.shape
                assert np.abs(one - other).max() < 1e-4


@pytest.mark.parametrize(("family", "task"), every_case)
def test_the_manifest_names_inputs_outputs_and_what_servers_need(family, task, model, store):
    request = a_request(model(family, task), store, task, SMALL)
    report, _ = run(request)
    with Artifact(request, report.rows[0]) as artifact:
        graph, card = artifact.graph, artifact.card
    segments = ["token_type_ids"] if family == "bert" else []
    assert [one.name for one in graph.inputs] == ["input_ids", "attention_mask", *segments]
    assert {(one.dtype, one.shape, one.axes) for one in graph.inputs} == {
        ("int64", (2, 16), ("batch", "sequence"))
    }
    assert {one.name: list(one.axes) for one in graph.outputs} == AXES[task]
    config = json.loads((model(family, task) / "config.json").read_text())
    sizes = {"batch": 2, "sequence": 16, "embedding": 32, "vocabulary": config["vocab_size"]}
    sizes["label"] = len(LABELS.get(task, ()))
    for one in graph.outputs:
        assert one.shape == tuple(sizes[axis] for axis in one.axes)
    assert card.labels == LABELS.get(task, ())
    assert card.inputs == tuple(one.name for one in graph.inputs)
    assert card.max_length == (tiny_models.POSITIONS - 2 if family == "roberta" else 128)
    masks = {"roberta": "<mask>"}.get(family, "[MASK]")
    assert card.mask_token == (masks if task == "FillMask" else None)
    assert graph.proof.samples > 0
    assert dict(report.files) == {name: blob.digest for name, blob in graph.files.items()}
    assert report.parameters == graph.parameters > 10_000


def test_tied_words_of_fill_mask_are_stored_once(model, store):
    request = a_request(model("bert", "FillMask"), store, "FillMask")
    report, _ = run(request)
    with Artifact(request, report.rows[0]) as artifact:
        tied = [
            name
            for name, tensor in artifact.weights.items()
            if tensor.data_ptr()
            == artifact.weights["model.bert.embeddings.word_embeddings.weight"].data_ptr()
        ]
        size = sum(
            {t.data_ptr(): t.numel() * t.element_size() for t in artifact.weights.values()}.values()
        )
        assert "model.cls.predictions.decoder.weight" in tied
        assert artifact.module.weights.size < size + 8192


def test_a_pooler_that_no_output_asks_for_is_left_out(model, store):
    request = a_request(model("bert", "FeatureExtraction"), store, "FeatureExtraction")
    report, _ = run(request)
    with Artifact(request, report.rows[0]) as artifact:
        assert not [name for name in artifact.weights if "pooler" in name]
