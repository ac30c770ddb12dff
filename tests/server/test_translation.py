"""Translation from text to text, through batches, against transformers on each text alone."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import tiny_marian
from inside import Inside
from serving import MODEL, ended, serving
from tiny_artifacts import TRANSLATIONS, export_model
from tracedmodel_api.manifest import CARD_FILE, TARGET_TOKENIZER_FILE, ModelCard
from tracedmodel_api.report import Failure, Report
from tracedmodel_server.runners import runner_for

TEXTS = (
    "Berlin is the capital of Germany.",
    ">>de<< Who wrote the program?",
    "a",
    "",
    "The quick brown fox jumps",
    "Straße, 日本 and ½ of it",
)
LENGTH, BEAMS = TRANSLATIONS[0][2:]


@pytest.fixture(scope="module")
def server(inside):
    return inside("Translation", "marian")


@pytest.fixture(scope="module")
def theirs(tiny):
    return tiny_marian.Theirs(tiny("Translation", "marian").model)


@pytest.fixture(scope="module")
def expected(theirs):
    return [theirs.translate(text, LENGTH, BEAMS) for text in TEXTS]


def data(reply, name="translation"):
    assert reply.status_code == 200, reply.text
    return next(tensor for tensor in reply.json()["outputs"] if tensor["name"] == name)["data"]


def wanted(*names):
    return [{"name": name} for name in names]


def tokens(*texts):
    """Token tensors as a client sends them, padded."""
    width = max(map(len, texts)) + 1
    rows = [[*text, *[0] * (width - len(text))] for text in texts]
    masks = [[1] * len(text) + [0] * (width - len(text)) for text in texts]
    shape = [len(texts), width]
    return [
        {"name": name, "datatype": "INT64", "shape": shape, "data": values}
        for name, values in (("input_ids", rows), ("attention_mask", masks))
    ]


@pytest.mark.transformers
def test_a_translation_is_that_of_transformers_whoever_shares_the_batch(server, expected):
    assert len(set(expected)) > 3
    assert data(server.infer(*TEXTS)) == expected
    assert [data(server.infer(text))[0] for text in TEXTS] == expected
    assert data(server.infer(*reversed(TEXTS))) == expected[::-1]


@pytest.mark.transformers
def test_people_get_one_text_for_each(server, expected):
    reply = server.predict(*TEXTS[:2], {"text": TEXTS[2]})
    assert reply.json() == {"predictions": expected[:3]}


@pytest.mark.transformers
def test_tokens_give_the_tokens_that_generate_gives(server, theirs):
    texts = [theirs.tokenizer(text)["input_ids"] for text in TEXTS]
    body = {"inputs": tokens(*texts), "outputs": wanted("output_ids", "translation")}
    reply = server.client.post(f"/v2/models/{MODEL}/infer", json=body)
    found = np.array(data(reply, "output_ids")).reshape(len(TEXTS), -1)
    answers = [theirs.answer(ids, LENGTH, BEAMS) for ids in texts]
    assert found.shape[1] == max(map(len, answers))
    pad = theirs.tokenizer.pad_token_id
    for row, answer in zip(found.tolist(), answers, strict=True):
        assert row == answer + [pad] * (len(row) - len(answer))
    assert data(reply) == [
        theirs.tokenizer.decode(answer, skip_special_tokens=True) for answer in answers
    ]


@pytest.mark.transformers
def test_a_text_is_cut_as_transformers_cuts_it_where_the_request_asks(server, theirs):
    long = ">>de<< " + " ".join(TEXTS) * 3
    reply = server.infer(long)
    assert reply.status_code == 400
    assert "the longest bucket holds 32" in reply.json()["error"]
    ids = theirs.tokenizer(long, truncation=True, max_length=32)["input_ids"]
    answer = theirs.answer(ids, LENGTH, BEAMS)
    spelled = theirs.tokenizer.decode(answer, skip_special_tokens=True)
    assert data(server.infer(long, parameters={"truncate": True})) == [spelled]


def test_a_token_that_the_model_has_no_embedding_for_is_refused(server, theirs):
    size = len(theirs.tokenizer.get_vocab())
    good = server.client.post(f"/v2/models/{MODEL}/infer", json={"inputs": tokens([2, size - 1])})
    assert good.status_code == 200
    bad = server.client.post(f"/v2/models/{MODEL}/infer", json={"inputs": tokens([2, size])})
    assert bad.status_code == 400
    assert f"token ids are from 0 to {size - 1}" in bad.json()["error"]


def test_metadata_names_what_goes_in_and_comes_out(server):
    document = server.client.get(f"/v2/models/{MODEL}").json()
    assert [one["name"] for one in document["inputs"]] == ["text", "input_ids", "attention_mask"]
    assert document["outputs"] == [
        {"name": "translation", "datatype": "BYTES", "shape": [-1]},
        {"name": "output_ids", "datatype": "INT64", "shape": [-1, -1]},
    ]


def test_a_server_proves_every_bucket_and_answers_many_clients_at_once(tiny, expected, tmp_path):
    with serving(tiny("Translation", "marian"), tmp_path, workers=2) as served:
        buckets = served.client.get("/proof").json()["buckets"]
        assert [(b["batchSize"], b["targetLength"], b["beams"]) for b in buckets] == [
            (1, 12, 2),
            (4, 12, 2),
            (4, 12, 2),
        ]
        for bucket in buckets:
            assert bucket["maxAbsoluteError"] < 1e-4
            assert bucket["agreement"] == 1
            errors = bucket["workers"][0]["proof"]["errors"]
            assert [error["output"] for error in errors] == ["hidden_states", "logits"]
        with ThreadPoolExecutor(8) as pool:
            replies = list(pool.map(lambda n: data(served.infer(TEXTS[n % 6])), range(48)))
        assert replies == [[expected[n % 6]] for n in range(48)]
        assert served.metric('tracedmodel_bucket_cost_seconds{bucket="4x32x12x2"}') > 0
        assert served.terminate() == 0


def test_an_artifact_without_the_targets_tokenizer_is_not_served(tiny, tmp_path):
    whole = tiny("Translation", "marian")
    files = {n: d for n, d in whole.index.files.items() if n != TARGET_TOKENIZER_FILE}
    broken = whole.with_index(tmp_path / "index.json", files=files)
    code, report = ended(broken, tmp_path)
    assert Report.parse(report).reason == "ManifestInvalid"
    assert code == 32


def test_a_tokenizer_json_of_the_source_reads_and_spells(tmp_path, theirs):
    model = tiny_marian.save(tmp_path / "model")
    fast = tiny_marian.save_fast_tokenizer(model)
    made = export_model(tmp_path, model, "Translation", TRANSLATIONS[:1])
    with contextlib.closing(Inside(made, tmp_path).start()) as own:
        found = data(own.infer(TEXTS[2], TEXTS[4][:9]))
    for text, translation in zip((TEXTS[2], TEXTS[4][:9]), found, strict=True):
        answer = theirs.answer(fast.encode(text).ids, LENGTH, BEAMS)
        assert translation == fast.decode(answer)


@pytest.mark.parametrize("task", ["Translation", "FeatureExtraction"])
def test_graphs_that_are_not_those_of_the_task_are_not_run(task, tiny):
    family = "marian" if task == "Translation" else "bert"
    made = tiny(task, family)
    graph = made.store.graph_by_digest(made.index.graphs[0])
    card = ModelCard.model_validate_json(made.store.read(graph.files[CARD_FILE].digest))
    with pytest.raises(Failure, match=f"do not fit task {task}") as caught:
        runner_for({"decoder": None}, graph, card)
    assert caught.value.reason.name == "ManifestInvalid"
