"""Every task from a request to its answer, through batches, against the eager model on each text alone."""

import json

import numpy as np
import pytest
import transformers

from eager import eager
from serving import MODEL
from tiny_models import FAMILIES, LABELS, TAGS

TEXTS = (
    "Ada Lovelace wrote the first program in London.",
    "Berlin is the capital of Germany.",
    "a",
    "The service was slow, but the food was wonderful and the staff was kind; Grace Hopper found a moth in 1947.",
    "Snow falls on Oslo in winter; in summer the sun hardly sets over Tromsø.",
)
CONTEXT = "Grace Hopper found a moth in a relay of the Harvard Mark II in 1947."


def outputs(reply):
    assert reply.status_code == 200, reply.text
    found = {}
    for tensor in reply.json()["outputs"]:
        count = int(np.prod(tensor["shape"]))
        assert count == len(tensor["data"])
        found[tensor["name"]] = np.array(tensor["data"]).reshape(tensor["shape"])
    return found


def wanted(*names):
    return [{"name": name} for name in names]


def softmax(logits):
    shifted = np.exp(logits.astype(np.float64) - logits.max(-1, keepdims=True))
    return shifted / shifted.sum(-1, keepdims=True)


@pytest.mark.parametrize("family", FAMILIES)
def test_an_embedding_is_that_of_the_text_alone(inside, tiny, family):
    server = inside("FeatureExtraction", family)
    model = eager(tiny("FeatureExtraction", family).model, "FeatureExtraction")
    found = outputs(server.infer(*TEXTS))["embedding"]
    for text, embedding in zip(TEXTS, found, strict=True):
        np.testing.assert_allclose(embedding, model.embedding(text), atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_label_and_its_score_are_the_eager_models(inside, tiny, family):
    server = inside("TextClassification", family)
    model = eager(tiny("TextClassification", family).model, "TextClassification")
    found = outputs(server.infer(*TEXTS, outputs=wanted("label", "score", "scores", "logits")))
    for number, text in enumerate(TEXTS):
        (logits,) = model.raw(text)
        np.testing.assert_allclose(found["logits"][number], logits, atol=1e-5)
        scores = softmax(logits)
        assert found["label"][number] == LABELS[scores.argmax()]
        assert found["score"][number] == pytest.approx(scores.max(), abs=1e-5)
        np.testing.assert_allclose(found["scores"][number], scores, atol=1e-5)


def simple_entities(model, text):
    """Group as transformers' own pipeline does."""
    pipeline = transformers.pipeline(
        "token-classification",
        model=model.model,
        tokenizer=model.tokenizer,
        aggregation_strategy="simple",
        device="cpu",
    )
    return pipeline(text)


@pytest.mark.transformers
@pytest.mark.parametrize("family", FAMILIES)
def test_entities_are_those_of_transformers_pipeline(inside, tiny, family):
    server = inside("TokenClassification", family)
    model = eager(tiny("TokenClassification", family).model, "TokenClassification")
    predictions = server.predict(*TEXTS).json()["predictions"]
    assert any(len(found) > 1 for found in predictions)
    for text, found in zip(TEXTS, predictions, strict=True):
        expected = simple_entities(model, text)
        places = [(one["entity_group"], one["start"], one["end"]) for one in found]
        assert places == [(one["entity_group"], one["start"], one["end"]) for one in expected]
        for one, other in zip(found, expected, strict=True):
            assert one["word"] == text[one["start"] : one["end"]]
            assert one["score"] == pytest.approx(other["score"], abs=1e-5)


def test_entities_of_a_text_are_one_json_list_in_a_tensor(inside):
    found = outputs(inside("TokenClassification").infer(*TEXTS))["entities"]
    assert found.shape == (len(TEXTS),)
    assert {tuple(sorted(one)) for text in found for one in json.loads(text)} == {
        ("end", "entity_group", "score", "start", "word")
    }


def test_raw_logits_of_texts_of_many_lengths_are_padded_with_zeros(inside, tiny):
    model = eager(tiny("TokenClassification").model, "TokenClassification")
    reply = inside("TokenClassification").infer(*TEXTS, outputs=wanted("logits"))
    found = outputs(reply)["logits"]
    for number, text in enumerate(TEXTS):
        (logits,) = model.raw(text)
        assert logits.shape[1] == len(TAGS)
        np.testing.assert_allclose(found[number, : len(logits)], logits, atol=1e-5)
        assert not found[number, len(logits) :].any()


def best_answer(model, question, context, most):
    encoded = model.encode(question, context, return_offsets_mapping=True)
    offsets = encoded.pop("offset_mapping")[0].tolist()
    start, end = model.raw(question, context)
    owners = encoded.sequence_ids(0)
    judged = [place == 0 or owner == 1 for place, owner in enumerate(owners)]
    start, end = (softmax(np.where(judged, one, -1e4)) for one in (start, end))
    spans = [
        (start[i] * end[j], offsets[i][0], offsets[j][1])
        for i, first in enumerate(owners)
        for j, last in enumerate(owners)
        if first == last == 1 and i <= j < i + most
    ]
    return max(spans)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("most", [1, 4, 30])
def test_an_answer_is_the_best_span_of_the_context(inside, tiny, family, most):
    server = inside("QuestionAnswering", family)
    model = eager(tiny("QuestionAnswering", family).model, "QuestionAnswering")
    questions = ("Who found it?", "Where was the moth found, and when?")
    instances = [{"question": question, "context": CONTEXT} for question in questions]
    reply = server.predict(*instances, parameters={"max_answer_length": most})
    for question, found in zip(questions, reply.json()["predictions"], strict=True):
        score, start, end = best_answer(model, question, CONTEXT, most)
        assert found["score"] == pytest.approx(score, rel=1e-3)
        assert (found["start"], found["end"]) == (start, end)
        assert found["answer"] == CONTEXT[start:end]


def test_offsets_of_an_answer_count_characters_not_bytes(inside):
    context = "Tromsø, 北京 and Zürich: 🦊🦊🦊 the capital is Tromsø."
    instance = {"question": "Where?", "context": context}
    found = inside("QuestionAnswering").predict(instance).json()["predictions"][0]
    assert found["answer"] == context[found["start"] : found["end"]] != ""


@pytest.mark.parametrize("family", FAMILIES)
def test_the_top_tokens_are_the_eager_models(inside, tiny, family):
    server = inside("FillMask", family)
    model = eager(tiny("FillMask", family).model, "FillMask")
    mask = model.tokenizer.mask_token
    texts = [f"Berlin is the {mask} of Germany.", f"{mask} wrote the first program."]
    predictions = server.predict(*texts, parameters={"top_k": 3}).json()["predictions"]
    for text, found in zip(texts, predictions, strict=True):
        ids = model.encode(text)["input_ids"][0].tolist()
        place = ids.index(model.tokenizer.mask_token_id)
        scores = softmax(model.raw(text)[0][place])
        top = np.argsort(-scores)[:3].tolist()
        assert [one["token"] for one in found] == top
        np.testing.assert_allclose([one["score"] for one in found], scores[top], atol=1e-6)
        for one in found:
            assert one["token_str"] == model.tokenizer.decode([one["token"]])
            filled = [*ids[:place], one["token"], *ids[place + 1 :]]
            assert one["sequence"] == model.tokenizer.decode(filled, skip_special_tokens=True)


def test_five_tokens_are_the_default_and_raw_logits_are_a_vocabulary(inside, tiny):
    model = eager(tiny("FillMask").model, "FillMask")
    reply = inside("FillMask").infer(
        "the [MASK] fox", outputs=wanted("token", "sequence", "logits")
    )
    found = outputs(reply)
    assert found["token"].shape == found["sequence"].shape == (1, 5)
    assert found["logits"].shape == (1, len(model.tokenizer))


def tokens(model, texts, length):
    encoded = model.encode(list(texts), padding="max_length", max_length=length)
    return [
        {
            "name": name,
            "datatype": "INT64",
            "shape": list(values.shape),
            "data": values.flatten().tolist(),
        }
        for name, values in encoded.items()
    ]


@pytest.mark.parametrize("task", ["FeatureExtraction", "TextClassification"])
@pytest.mark.parametrize("family", FAMILIES)
def test_tokens_are_answered_like_their_text(inside, tiny, family, task):
    server = inside(task, family)
    model = eager(tiny(task, family).model, task)
    inputs = tokens(model, TEXTS[:3], 40)
    reply = server.client.post(f"/v2/models/{MODEL}/infer", json={"inputs": inputs})
    by_text, by_tokens = outputs(server.infer(*TEXTS[:3])), outputs(reply)
    for name, values in by_text.items():
        if values.dtype.kind == "f":
            np.testing.assert_allclose(by_tokens[name], values, atol=1e-5)
        else:
            assert by_tokens[name].tolist() == values.tolist()


def test_raw_logits_of_tokens_are_as_long_as_what_was_sent(inside, tiny):
    model = eager(tiny("TokenClassification").model, "TokenClassification")
    inputs = tokens(model, TEXTS[:2], 40)
    server = inside("TokenClassification")
    reply = server.client.post(f"/v2/models/{MODEL}/infer", json={"inputs": inputs})
    assert outputs(reply)["logits"].shape == (2, 40, len(TAGS))


def test_a_text_that_is_too_long_is_cut_where_the_request_asks_for_it(embedder, tiny):
    model = eager(tiny("FeatureExtraction").model, "FeatureExtraction")
    text = "the quick brown fox " * 40
    found = outputs(embedder.infer(text, parameters={"truncate": True}))["embedding"][0]
    cut = model.tokenizer.decode(
        model.encode(text, truncation=True, max_length=64)["input_ids"][0][1:-1]
    )
    np.testing.assert_allclose(found, model.embedding(cut), atol=1e-5)


def test_only_the_context_is_cut(inside):
    instance = {"question": "Who found it?", "context": f"{CONTEXT} " * 30}
    server = inside("QuestionAnswering")
    assert server.predict(instance).status_code == 400
    found = server.predict(instance, parameters={"truncate": True}).json()["predictions"][0]
    assert found["answer"] == instance["context"][found["start"] : found["end"]]
    instance["question"] = "Who found it? " * 60
    reply = server.predict(instance, parameters={"truncate": True})
    assert reply.status_code == 400
    assert "question" in reply.json()["error"]


def test_tokens_of_a_pair_are_answered_with_their_raw_logits_alone(inside):
    tensor = {"name": "input_ids", "datatype": "INT64", "shape": [1, 5], "data": [2, 7, 3, 9, 3]}
    found = outputs(
        inside("QuestionAnswering").post(f"/v2/models/{MODEL}/infer", json={"inputs": [tensor]})
    )
    assert {name: value.shape for name, value in found.items()} == {
        "start_logits": (1, 5),
        "end_logits": (1, 5),
    }


def test_an_answer_and_its_place_come_as_tensors_too(inside):
    server = inside("QuestionAnswering")
    given = {"question": "Who found a moth?", "context": CONTEXT}
    (prediction,) = server.predict(given).json()["predictions"]
    tensors = [
        {"name": name, "datatype": "BYTES", "shape": [1], "data": [text]}
        for name, text in given.items()
    ]
    asked = {"inputs": tensors, "outputs": wanted("answer", "start", "end")}
    reply = server.post(f"/v2/models/{MODEL}/infer", json=asked).json()
    found = {tensor["name"]: (tensor["datatype"], tensor["data"]) for tensor in reply["outputs"]}
    assert found == {
        "answer": ("BYTES", [prediction["answer"]]),
        "start": ("INT64", [prediction["start"]]),
        "end": ("INT64", [prediction["end"]]),
    }
