import json

import pytest
import transformers

import tiny_models
from tracedmodel_api.enums import Precision, Task
from tracedmodel_api.report import Failure
from tracedmodel_exporter.architecture import demand_encoder, demand_text, demand_weights
from tracedmodel_exporter.load import load
from tracedmodel_exporter.tasks import TASKS

pytestmark = pytest.mark.transformers


@pytest.mark.parametrize("kind", ["gpt2", "xlnet", "t5", "bart", "llama"])
def test_a_model_that_generates_is_no_encoder(kind):
    with pytest.raises(Failure, match=f"'{kind}' is no encoder") as caught:
        demand_encoder(transformers.CONFIG_MAPPING[kind]())
    assert caught.value.reason.name == "UnsupportedTask"


@pytest.mark.parametrize(
    "kind",
    ["bert", "distilbert", "roberta", "albert", "electra", "mpnet", "deberta-v2", "xlm-roberta"],
)
def test_an_encoder_is_one(kind):
    demand_encoder(transformers.CONFIG_MAPPING[kind]())


def test_a_model_of_images_reads_no_text():
    config = transformers.ViTConfig(
        hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8
    )
    with pytest.raises(Failure, match="'vit' reads no text"):
        demand_text(transformers.ViTModel(config), config)


def test_a_lost_weight_of_a_model_for_the_task_is_damage_not_a_wrong_task():
    config = transformers.BertConfig(architectures=["BertForMaskedLM"])
    for task, reason in (
        (Task.FILL_MASK, "InvalidModelFiles"),
        (Task.FEATURE_EXTRACTION, "InvalidModelFiles"),
        (Task.TEXT_CLASSIFICATION, "UnsupportedTask"),
    ):
        with pytest.raises(Failure, match="weight would be random") as caught:
            demand_weights(["x.weight"], config, task, TASKS[task])
        assert caught.value.reason.name == reason


@pytest.mark.parametrize(
    ("problem", "scoring"),
    [
        (None, "softmax"),
        ("single_label_classification", "softmax"),
        ("multi_label_classification", "sigmoid"),
        ("regression", "identity"),
    ],
)
def test_the_card_says_how_a_text_classifier_is_scored(problem, scoring, tmp_path):
    folder = tiny_models.build(tmp_path / "model", "bert", "TextClassification")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "problem_type": problem}))
    card = load(folder, Task.TEXT_CLASSIFICATION, Precision.FLOAT32).card
    assert card.scoring == scoring
