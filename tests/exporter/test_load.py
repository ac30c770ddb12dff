"""What a model's files must be, and the sentence where they are not."""

from __future__ import annotations

import json

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from exports import a_request, run
from tracedmodel_api.report import Failure
from tracedmodel_api.types import Precision, Task
from tracedmodel_exporter import load as loading
from tracedmodel_exporter.load import load

pytestmark = pytest.mark.transformers


def edit(path, **changes):
    """Change keys of a JSON file; None takes one out."""
    document = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in document.items() if v is not None}))


def reweigh(folder, change):
    """Change the weights of a model."""
    path = folder / "model.safetensors"
    weights = load_file(path)
    change(weights)
    save_file(
        {name: t.contiguous() for name, t in weights.items()}, path, metadata={"format": "pt"}
    )


def refusal(folder, store, task="TextClassification"):
    with pytest.raises(Failure) as caught:
        run(a_request(folder, store, task))
    return caught.value.reason.name, str(caught.value)


def test_a_model_of_another_task_is_refused_with_what_it_can_do(model, store):
    reason, message = refusal(model("bert", "FillMask"), store, "QuestionAnswering")
    assert reason == "UnsupportedTask"
    assert "the model is BertForMaskedLM, not one for task QuestionAnswering" in message
    assert message.endswith("; it can do FeatureExtraction and FillMask")


def test_a_head_without_weights_is_refused_though_the_config_claims_it(copied, store):
    folder = copied("bert", "FillMask")
    edit(folder / "config.json", architectures=["BertForQuestionAnswering"])
    reason, message = refusal(folder, store, "QuestionAnswering")
    assert reason == "InvalidModelFiles"
    assert "lack weights: qa_outputs.bias, qa_outputs.weight would be random" in message


def test_a_model_that_names_no_architecture_is_judged_by_its_weights(copied, store):
    folder = copied("bert", "TextClassification")
    edit(folder / "config.json", architectures=None)
    report, _ = run(a_request(folder, store))
    assert report.rows[0].error <= 1e-5
    assert refusal(folder, store, "FillMask")[0] == "UnsupportedTask"


def test_a_pooler_without_weights_is_refused_where_the_answer_needs_it(copied, store):
    folder = copied("bert", "TextClassification")
    reweigh(folder, lambda weights: [weights.pop(n) for n in [*weights] if "pooler" in n])
    reason, message = refusal(folder, store)
    assert reason == "InvalidModelFiles"
    assert "bert.pooler.dense.bias" in message


def test_a_pooler_without_weights_is_no_matter_where_none_is_asked_for(copied, store):
    folder = copied("bert", "FeatureExtraction")
    reweigh(folder, lambda weights: [weights.pop(n) for n in [*weights] if "pooler" in n])
    report, _ = run(a_request(folder, store, "FeatureExtraction"))
    assert report.rows[0].error <= 1e-5


@pytest.mark.parametrize("task", ["FeatureExtraction", "FillMask"])
def test_a_masked_language_model_gives_embeddings_and_words(task, model, store):
    report, _ = run(a_request(model("roberta", "FillMask"), store, task))
    assert report.rows[0].error <= 1e-5


def test_tied_words_that_are_stored_under_one_name_are_not_missing(copied, store):
    folder = copied("bert", "FillMask")
    stored = load_file(folder / "model.safetensors")
    assert "cls.predictions.decoder.weight" not in stored
    assert run(a_request(folder, store, "FillMask"))[0].rows[0].error <= 1e-5


def test_weights_in_half_precision_are_exported_in_float32(copied, store):
    folder = copied()
    reweigh(folder, lambda weights: weights.update({n: t.half() for n, t in weights.items()}))
    edit(folder / "config.json", torch_dtype="float16")
    assert run(a_request(folder, store))[0].rows[0].error <= 1e-5
    loaded = load(folder, Task.TEXT_CLASSIFICATION, Precision.FLOAT32)
    assert {p.dtype for p in loaded.reference.parameters()} == {torch.float32}
    assert not loaded.reference.training


@pytest.mark.parametrize("kept", [0, 4, 100, 5000])
def test_weights_that_are_cut_off_are_invalid(kept, copied, store):
    path = copied() / "model.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    reason, message = refusal(path.parent, store)
    assert reason == "InvalidModelFiles"
    assert str(path.parent) in message


def test_weights_of_another_shape_are_invalid(copied, store):
    folder = copied()
    reweigh(folder, lambda weights: weights.update({"classifier.bias": torch.ones(9)}))
    assert refusal(folder, store)[0] == "InvalidModelFiles"


def test_weights_that_transformers_reports_as_mismatched_are_invalid(model, monkeypatch):
    found = loading._from_pretrained

    def mismatched(*arguments):
        module, info = found(*arguments)
        return module, {**info, "mismatched_keys": {("classifier.bias", (9,), (3,))}}

    monkeypatch.setattr(loading, "_from_pretrained", mismatched)
    with pytest.raises(Failure, match=r"weights do not fit config\.json: .*classifier\.bias"):
        load(model(), Task.TEXT_CLASSIFICATION, Precision.FLOAT32)


@pytest.mark.parametrize("text", ["", "{", "[]", '"bert"'])
def test_a_damaged_config_is_invalid(text, copied, store):
    folder = copied()
    (folder / "config.json").write_text(text)
    assert refusal(folder, store)[0] == "InvalidModelFiles"


def test_a_config_that_makes_no_model_is_invalid(copied, store):
    folder = copied()
    edit(folder / "config.json", num_attention_heads=5)
    assert refusal(folder, store)[0] == "InvalidModelFiles"


def test_code_of_the_models_repository_is_never_run(copied, store):
    folder = copied()
    edit(
        folder / "config.json",
        model_type="wonder",
        auto_map={"AutoConfig": "wonder.WonderConfig", "AutoModel": "wonder.WonderModel"},
    )
    (folder / "wonder.py").write_text("raise SystemExit('this code was run')")
    reason, message = refusal(folder, store)
    assert reason == "RemoteCodeRequired"
    assert "'wonder' is code of the model's repository" in message


def test_a_known_model_type_is_loaded_without_its_repositorys_code(copied, store):
    folder = copied()
    name = "wonder.WonderModel"
    edit(folder / "config.json", auto_map={"AutoModelForSequenceClassification": name})
    (folder / "wonder.py").write_text("raise SystemExit('this code was run')")
    assert run(a_request(folder, store))[0].rows[0].error <= 1e-5


def test_a_model_type_that_transformers_does_not_know_is_unsupported(copied, store):
    folder = copied()
    edit(folder / "config.json", model_type="wonder")
    reason, message = refusal(folder, store)
    assert reason == "UnsupportedTask"
    assert f"transformers {transformers.__version__} does not know model type 'wonder'" in message


@pytest.mark.parametrize("error", [ValueError("no sdpa yet"), ImportError("needs torch 2.1")])
def test_a_model_without_sdpa_is_loaded_with_eager_attention(error, model, monkeypatch):
    found, asked = loading._from_pretrained, []

    def only_eager(loader, folder, config, attention):
        asked.append(attention)
        if attention == "sdpa":
            raise error
        return found(loader, folder, config, attention)

    monkeypatch.setattr(loading, "_from_pretrained", only_eager)
    assert load(model(), Task.TEXT_CLASSIFICATION, Precision.FLOAT32).width == 3
    assert asked == ["sdpa", "eager"]


def test_a_tokenizer_with_more_tokens_than_the_model_has_embeddings_for_is_invalid(copied, store):
    folder = copied()
    path = folder / "tokenizer.json"
    tokenizer = Tokenizer.from_file(str(path))
    size = tokenizer.get_vocab_size()
    tokenizer.add_tokens(["brandnew"])
    tokenizer.save(str(path))
    reason, message = refusal(folder, store)
    assert reason == "InvalidModelFiles"
    assert f"has a token {size}, the model has embeddings for {size} tokens" in message


def test_segment_types_are_no_input_where_the_tokenizer_has_none(copied, store):
    folder = copied()
    edit(folder / "tokenizer_config.json", model_input_names=["input_ids", "attention_mask"])
    loaded = load(folder, Task.TEXT_CLASSIFICATION, Precision.FLOAT32)
    assert loaded.card.inputs == ("input_ids", "attention_mask")
    assert run(a_request(folder, store))[0].rows[0].error <= 1e-5


def test_a_model_without_positions_has_no_longest_text():
    class Config:
        max_position_embeddings = None

    assert loading.max_length(torch.nn.Linear(1, 1), Config()) == 2**31
