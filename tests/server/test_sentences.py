import numpy as np
import pytest
from tokenizers import Tokenizer, models

from tracedmodel_api.enums import Task
from tracedmodel_api.manifest import ModelCard
from tracedmodel_runtime.padding import Encoding
from tracedmodel_server.request import Parameters, Text
from tracedmodel_server.tasks.base import Prepared
from tracedmodel_server.tasks.sentences import TextClassification

LOGITS = np.array([1.0, 3.0, -2.0], np.float32)


def classified(scoring, labels=("a", "b", "c"), logits=LOGITS):
    card = ModelCard(
        format_version=1,
        task=Task.TEXT_CLASSIFICATION,
        architecture="x",
        inputs=("input_ids",),
        pad_token_id=0,
        pad_type_id=0,
        max_length=9,
        labels=labels,
        scoring=scoring,
    )
    task = TextClassification(card, Tokenizer(models.WordLevel({"x": 0}, "x")))
    prepared = Prepared(Text("x"), Encoding((0,)), None)
    return task.prediction(task.answer(prepared, (logits,), Parameters()))


def test_labels_that_exclude_each_other_share_one_probability():
    answer = classified("softmax")
    assert answer["label"] == "b"
    assert sum(answer["scores"].values()) == pytest.approx(1)
    assert answer["score"] == answer["scores"]["b"]


def test_labels_of_a_multi_label_classifier_are_judged_one_by_one():
    scores = classified("sigmoid")["scores"]
    assert scores == {
        "a": pytest.approx(0.7311, abs=1e-4),
        "b": pytest.approx(0.9526, abs=1e-4),
        "c": pytest.approx(0.1192, abs=1e-4),
    }


def test_a_regression_tells_its_number():
    answer = classified("identity", ("LABEL_0",), np.array([-4.5], np.float32))
    assert answer == {"label": "LABEL_0", "score": -4.5, "scores": {"LABEL_0": -4.5}}
