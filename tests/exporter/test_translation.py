"""Marian models, exported for real: what is published, and what its golden data proves."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

import tiny_marian
from exports import a_request, run
from perturbed import by_place, noise
from tracedmodel_api.buckets import Bucket
from tracedmodel_api.report import Failure
from tracedmodel_api.request import limits
from tracedmodel_api.types import Precision, Target, Tolerance
from tracedmodel_exporter.marian import read_tokenizers
from translated import Translated

TASK = "Translation"
BUCKETS = (Bucket(1, 16, 12, 2), Bucket(3, 24, 16, 2))
DEFAULT = limits(Tolerance(), Target.CPU, Precision.FLOAT32)
TEXTS = (
    "Berlin is the capital of Germany.",
    ">>de<< Who wrote the program?",
    "The quick brown fox",
)

pytestmark = pytest.mark.transformers


@pytest.fixture(scope="module")
def marian(tmp_path_factory):
    return tiny_marian.save(tmp_path_factory.mktemp("marian") / "model")


@pytest.fixture
def changed(marian, tmp_path):
    """A copy of the model, to be changed."""
    return shutil.copytree(marian, tmp_path / "changed")


@pytest.fixture(scope="module")
def exported(marian, tmp_path_factory):
    """The request and report of an export of both buckets."""
    request = a_request(marian, tmp_path_factory.mktemp("store") / "s", TASK, *BUCKETS)
    return request, run(request)[0]


def test_both_graphs_of_every_bucket_share_one_file_of_weights(marian, exported):
    request, report = exported
    graphs = []
    for row in report.rows:
        with Translated(request, row) as own:
            graphs.append(own.graph)
            assert [module.name for module in own.graph.modules] == ["encoder", "decoder"]
    assert len({m.weights.digest for graph in graphs for m in graph.modules}) == 1
    own = (marian / "model.safetensors").stat().st_size
    # Beside the model's own weights: its positions, which are computed, and names.
    positions = 2 * tiny_marian.POSITIONS * 32 * 4
    assert graphs[0].modules[0].weights.size < own + positions + 4096


def test_a_graph_proves_itself_and_translates_what_generate_does(marian, exported):
    request, report = exported
    theirs = tiny_marian.Theirs(marian)
    reader = read_tokenizers(marian)
    for row, bucket in zip(report.rows, BUCKETS, strict=True):
        assert row.error < 1e-5
        assert row.agreement == 1
        with Translated(request, row) as own:
            assert own.compare() == own.graph.proof
            translator = own.translator()
            target = own.tokenizers["target-tokenizer.json"]
            batch = [tiny_marian.encoding(ids) for ids in reader.pieces.encode(TEXTS)]
            batch = [text for text in batch if len(text) <= bucket.sequence_length]
            for text in batch[: bucket.batch_size]:
                ((best, *_others),) = translator.translate(translator.read([text]))
                expected = theirs.answer(text.ids, bucket.target_length, bucket.beams)
                assert list(best.tokens) == expected
                spelled = theirs.tokenizer.decode(expected, skip_special_tokens=True)
                assert target.decode(list(best.tokens)) == spelled


def test_one_perturbed_weight_tensor_fails_the_golden_check(exported):
    request, report = exported
    draw = torch.Generator().manual_seed(11)
    passed = []
    with Translated(request, report.rows[1]) as own:
        weights, tensors = by_place(own.weights)
        assert DEFAULT.verdict(own.compare(weights)) is None
        for names, tensor in tensors:
            before = tensor.clone()
            tensor.add_(noise(tensor, draw))
            if DEFAULT.verdict(own.compare(weights)) is None:
                passed += names
            tensor.copy_(before)
        assert DEFAULT.verdict(own.compare(weights)) is None
    # No output changes by a key's bias: a softmax does not see what is added to all scores alike.
    assert [name for name in passed if not name.endswith("k_proj.bias")] == []
    assert len(tensors) > 80
    assert len(passed) == 2 * 3


def test_the_golden_answers_are_of_many_lengths(exported):
    request, report = exported
    with Translated(request, report.rows[1]) as own:
        answers = [len(text) for batch in own.recording().answers.batches for text in batch]
    assert len(set(answers)) > 2


@pytest.mark.skipif(torch.__version__ < "2", reason="its traced masks are infinite in bfloat16")
def test_an_export_for_bfloat16_answers_in_float32(marian, store):
    request = a_request(
        marian,
        store,
        TASK,
        BUCKETS[0],
        precision="BFloat16",
        limits=DEFAULT.model_copy(update={"absolute": 1.0, "min_agreement": 0}),
    )
    report, _ = run(request)
    assert 1e-5 < report.rows[0].error < 1


def test_times_are_those_of_whole_translations(marian, store):
    report, _ = run(a_request(marian, store, TASK, BUCKETS[0], benchmark=True))
    row = report.rows[0]
    assert 0 < row.p50 <= row.p99
    assert row.eager_p50 > 0


@pytest.mark.parametrize(
    ("bucket", "reason", "sentence"),
    [
        (Bucket(1, 16), "InvalidRequest", "needs beams and a targetLength of at least 2"),
        (Bucket(1, 16, 1, 2), "InvalidRequest", "needs beams and a targetLength of at least 2"),
        (Bucket(1, 16, 65, 2), "SequenceTooLong", "has positions for 64 target tokens"),
        (Bucket(1, 65, 12, 2), "SequenceTooLong", "has positions for 64 tokens"),
    ],
)
def test_a_bucket_that_no_answer_fits_is_refused(bucket, reason, sentence, marian, store):
    with pytest.raises(Failure, match=sentence) as caught:
        run(a_request(marian, store, TASK, bucket))
    assert caught.value.reason.name == reason


def test_weights_that_are_nan_are_never_published(changed, store):
    path = changed / "model.safetensors"
    weights = load_file(path)
    weights["model.decoder.layers.0.fc1.weight"][0, 0] = float("nan")
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(Failure, match="NaN or infinity") as caught:
        run(a_request(changed, store, TASK, BUCKETS[0]))
    assert caught.value.reason.name == "NotFinite"


def test_a_source_that_lacks_weights_is_refused(changed, store):
    path = changed / "model.safetensors"
    weights = load_file(path)
    del weights["model.decoder.layers.0.fc1.weight"]
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(Failure, match=r"lack weights.*decoder\.layers\.0\.fc1\.weight") as caught:
        run(a_request(changed, store, TASK, BUCKETS[0]))
    assert caught.value.reason.name == "InvalidModelFiles"


def test_a_setting_that_changes_answers_and_is_not_known_ends_the_export(changed, store):
    path = changed / "generation_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"no_repeat_ngram_size": 2}))
    with pytest.raises(Failure, match="no_repeat_ngram_size 2, which is not supported") as caught:
        run(a_request(changed, store, TASK, BUCKETS[0]))
    assert caught.value.reason.name == "UnsupportedTask"


def rewritten(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("file", "changes", "refusal"),
    [
        (
            "config.json",
            {"share_encoder_decoder_embeddings": False, "decoder_vocab_size": 100},
            ("UnsupportedTask", "a vocabulary for each language"),
        ),
        ("config.json", {"model_type": "bert"}, ("UnsupportedTask", "not for 'bert'")),
        (
            "generation_config.json",
            {"eos_token_id": 5, "forced_eos_token_id": 5},
            ("InvalidModelFiles", r"the tokenizer ends texts with 0, the model answers with \[5\]"),
        ),
    ],
    ids=["two vocabularies", "another kind", "another end"],
)
def test_what_cannot_be_translated_with_is_refused(file, changes, refusal, changed, store):
    rewritten(changed / file, **changes)
    with pytest.raises(Failure, match=refusal[1]) as caught:
        run(a_request(changed, store, TASK, BUCKETS[0]))
    assert caught.value.reason.name == refusal[0]


def test_a_source_with_tokenizer_json_needs_no_other(changed, store):
    tiny_marian.save_fast_tokenizer(changed)
    request = a_request(changed, store, TASK, BUCKETS[0])
    report, _ = run(request)
    assert report.rows[0].agreement == 1
    with Translated(request, report.rows[0]) as own:
        assert list(own.tokenizers) == ["tokenizer.json"]
