"""``tracedmodel run`` with target Inf1: the whole way on one machine, with emulated NeuronCores."""

import json
import subprocess
import sys
import urllib.request

import yaml

import neuron_pod
import tiny_models
from manifest_base import manifest


def test_a_manifest_for_inf1_is_served_and_it_is_said_that_the_device_is_emulated(
    tmp_path, free_port
):
    model = tiny_models.build(tmp_path / "model", "bert", "TextClassification")
    file = tmp_path / "model.yaml"
    document = manifest(
        {
            "spec.target": "Inf1",
            "spec.model.task": "TextClassification",
            "spec.export.buckets": [{"batchSize": 2, "sequenceLength": 16}],
            "spec.export.compiler": {"minCompiledPercent": 80},
            "spec.serving.neuronCores": 4,
        }
    )
    file.write_text(yaml.safe_dump(document))
    device = neuron_pod.make_device(tmp_path / "device", 4)
    command = (
        *(sys.executable, "-W", "ignore", "-m", "tracedmodel_api", "run", str(file)),
        *("--model", str(model), "--store", f"file://{tmp_path}/store", "--port", str(free_port)),
    )
    with subprocess.Popen(
        command, env=neuron_pod.environment(device), stderr=subprocess.PIPE, text=True
    ) as process:
        said = ""
        for line in process.stderr:
            said += line
            if "Ctrl-C" in line:
                break
        assert process.poll() is None, said
        url = f"http://127.0.0.1:{free_port}"
        with urllib.request.urlopen(f"{url}/proof", timeout=30) as answer:
            proof = json.load(answer)
        process.terminate()
        assert process.wait(60) == 0
        process.stderr.close()
    assert "the NeuronCores are emulated on the CPU" in said
    assert "proved by each server on its device" in said
    (bucket,) = proof["buckets"]
    assert len(bucket["workers"]) == 4
    (row,) = [line for line in said.splitlines() if "2x16" in line and "kB" in line]
    assert f"{bucket['maxAbsoluteError']:.2g}" in row
