"""What a manifest would come to, told without a cluster."""

from __future__ import annotations

import argparse

import pytest
import yaml

from manifest_base import manifest
from tracedmodel_api.report import Failure
from tracedmodel_api.request import base_fingerprint
from tracedmodel_api.types import TracedModel
from tracedmodel_operator import explain
from tracedmodel_operator.settings import Settings

SETTINGS = Settings(default_store_url="s3://models/{namespace}")
INF1 = {
    "spec.target": "Inf1",
    "spec.serving.neuronCores": 4,
    "spec.export.buckets": [
        {"batchSize": batch, "sequenceLength": length} for length in (64, 128) for batch in (1, 8)
    ],
}


def told(changes=None, parameters=None, settings=SETTINGS, status=None):
    document = manifest(changes or {})
    if status:
        document["status"] = status(TracedModel.model_validate(document))
    return explain.explain(TracedModel.model_validate(document), settings, parameters)


def test_every_child_is_shown_as_it_would_be_applied():
    found = list(filter(None, yaml.safe_load_all(told())))
    assert [child["kind"] for child in found] == [
        "Job",
        "ConfigMap",
        "Service",
        "PodDisruptionBudget",
        "Deployment",
    ]
    assert not any("ownerReferences" in child["metadata"] for child in found)


def test_an_autoscaler_is_shown_with_the_engine_that_an_administrator_chose():
    scaling = {"spec.serving.autoscaling": {"maxReplicas": 5}}
    found = list(filter(None, yaml.safe_load_all(told(scaling))))
    assert found[-1]["kind"] == "HorizontalPodAutoscaler"
    keda = SETTINGS.with_(autoscaling="KEDA")
    found = list(filter(None, yaml.safe_load_all(told(scaling, settings=keda))))
    assert found[-1]["kind"] == "ScaledObject"


def test_what_an_administrator_set_is_in_the_children():
    (store,) = (line for line in told().splitlines() if line.startswith("# store"))
    assert store == "# store   s3://models/default"


def test_without_a_store_the_children_are_shown_all_the_same():
    text = told(settings=Settings())
    assert "# store   the operator's default, which is not known here" in text
    assert "kind: Job" in text


def test_without_a_size_the_largest_model_that_fits_is_told():
    text = told(INF1)
    assert "a replica has 4 NeuronCores: 4 workers of 1 NeuronCore\n" in text
    assert "every worker holds all 4 graphs if the model has at most 285 million weights" in text
    assert "spread over the workers, if it has at most 2000 million" in text


def test_with_a_size_it_is_told_which_workers_hold_what():
    text = told(INF1, parameters=400_000_000)
    assert "the model has 400.0 million weights: a worker holds 3 of its graphs" in text
    assert "2 workers hold 1x64, 1x128\n" in text
    assert "2 workers hold 8x64, 8x128\n" in text


def test_what_does_not_fit_is_told_with_what_to_change():
    text = told({**INF1, "spec.serving.neuronCores": 1}, parameters=400_000_000)
    assert "it does not fit: 4 graphs of 400 million weights need 2 NeuronCores" in text


def test_a_cpu_has_no_cores_to_fit_on():
    assert "NeuronCore" not in told().partition("---")[0]


def status_of_one_bucket(resource):
    return {
        "observedGeneration": 1,
        "model": {"parameters": 22_000_000},
        "artifact": {
            "digest": "a" * 64,
            "fingerprint": base_fingerprint(resource, "s3://models/default"),
            "exportedTime": "2026-01-01T00:00:00Z",
            "bucketCount": 1,
            "buckets": [
                {"batchSize": 1, "sequenceLength": 64, "digest": "c" * 64, "sizeBytes": 1, "latency": {}}
            ],
        },
    }  # fmt: skip


def test_a_bucket_that_the_status_has_is_not_traced_again():
    text = told(INF1, status=status_of_one_bucket)
    assert "# bucket 1x64         is there already\n" in text
    assert "# bucket 8x64         is traced\n" in text
    assert "the model has 22.0 million weights" in text


def test_a_bucket_of_another_request_is_traced_anew():
    def status(resource):
        found = status_of_one_bucket(resource)
        # As while the next export runs: the artifact is still that of the one before.
        export = {"fingerprint": found["artifact"]["fingerprint"]}
        return {
            **found,
            "export": export,
            "artifact": {**found["artifact"], "fingerprint": "d" * 64},
        }

    text = told(INF1, status=status)
    assert "is there already" not in text
    assert "how many it has is known after the first export" in text


def test_what_keeps_an_export_from_beginning_is_told():
    folder = {"spec.store": {"url": "file:///models"}}
    assert "nothing is exported: StoreNotSet: file:///models is a folder" in told(folder)
    assert "nothing is exported: spec.suspend is set" in told({"spec.suspend": True})
    by_chip = Settings(default_store_url="s3://m", neuron_resource="aws.amazon.com/neuron")
    core = {**INF1, "spec.serving.neuronCores": 1}
    assert "nothing is exported: WholeChipsOnly" in told(core, settings=by_chip)


def test_a_file_of_several_manifests_is_explained_one_after_the_other(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("TRACEDMODEL_OPERATOR_DEFAULT_STORE_URL", "s3://models")
    file = tmp_path / "two.yaml"
    file.write_text(yaml.safe_dump_all([manifest({}), manifest({"metadata.name": "other"})]))
    parser = argparse.ArgumentParser()
    explain.configure(parser)
    assert explain.run(parser.parse_args([str(file), "--parameters", "110e6"])) == 0
    out = capsys.readouterr().out
    names = {child["metadata"]["name"] for child in yaml.safe_load_all(out) if child}
    assert {"minilm", "other"} <= names


@pytest.mark.parametrize("content", [None, "kind: TracedModel", "a: [", b"\xff"])
def test_a_file_that_is_no_manifest_is_refused(content, tmp_path):
    file = tmp_path / "bad.yaml"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(Failure) as caught:
        explain.run(argparse.Namespace(file=file, parameters=None))
    assert caught.value.reason.name == "InvalidRequest"


@pytest.mark.parametrize("text", ["many", "0", "-3", "nan", "inf"])
def test_a_size_that_is_none_is_refused(text, capsys):
    parser = argparse.ArgumentParser()
    explain.configure(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(["x.yaml", "--parameters", text])
    assert "is not a number of weights" in capsys.readouterr().err
