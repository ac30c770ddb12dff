"""The backend of target Inf1 on a node without a device: what it compiles, refuses, and cannot load."""

import json

import pytest

import neuron_pod

_TRACES = """
import json, os, tempfile
from pathlib import Path
from tracedmodel_api.manifest import CompilerSettings
from tracedmodel_api.report import Failure
from tracedmodel_runtime.neuron import Neuron
from tracedmodel_runtime.options import CompilerOptions

model, example = cases.build("bert")
inputs = [tensor.numpy() for tensor in example]

def backend(*args, cores=1, least=90, seconds=3600):
    return Neuron(CompilerOptions(CompilerSettings(pipeline_cores=cores, args=args), seconds, least))

def trace(switch=None, value="1", module=model, **options):
    if switch:
        os.environ["TORCH_NEURON_EMULATE_" + switch] = value
    try:
        traced = backend(*options.pop("args", ()), **options).trace(module, inputs)
        return ["", traced.compiled_percent, *traced.notes]
    except Failure as failure:
        return [failure.reason.name, str(failure)]
    finally:
        if switch:
            del os.environ["TORCH_NEURON_EMULATE_" + switch]

class Broken(torch.nn.Module):
    def forward(self, *_):
        raise ValueError("in a model")

class Lookup(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.table = torch.nn.Embedding(100, 8)
    def forward(self, ids, *_):
        return (self.table(ids),)

said["good"] = trace()
said["too little"] = trace(least=100)
said["too late"] = trace("COMPILE_SECONDS", "7200")
said["out of memory"] = trace("COMPILER_OOM")
said["bad argument"] = trace(args=("--no-such-flag",))
said["broken"] = trace(module=Broken())
said["nothing"] = trace(module=Lookup())
said["arguments"] = backend("--fast-math", "none", cores=4).arguments()
said["arguments once"] = backend("--enable-saturate-infinity").arguments()
said["versions"] = dict(backend().versions())
with tempfile.TemporaryDirectory() as folder:
    saved = backend().save(backend().trace(model, inputs), Path(folder))
    said["files"] = [path.name for path in Path(folder).iterdir()]
    try:
        backend().load(saved.graph, None)
    except Failure as failure:
        said["no device"] = [failure.reason.name, str(failure)]
try:
    backend().weights(Path("weights.safetensors"))
except Failure as failure:
    said["weights"] = failure.reason.name
before = {k: os.environ.pop(k, None) for k in ("NEURON_RT_NUM_CORES", "NEURON_RT_VISIBLE_CORES")}
backend(cores=4).reserve(3)
said["reserved"] = os.environ.pop("NEURON_RT_NUM_CORES", None)
os.environ["NEURON_RT_VISIBLE_CORES"] = "0-3"
backend().reserve(3)
said["reserved by the plugin"] = os.environ.get("NEURON_RT_NUM_CORES")
for visible in ("0-2", "0,1,2", "0,1-2", "2", "all"):
    os.environ["NEURON_RT_VISIBLE_CORES"] = visible
    try:
        backend().reserve(4)
    except Failure as failure:
        said["reserved of " + visible] = [failure.reason.name, str(failure)]
"""


@pytest.fixture(scope="module")
def said():
    return neuron_pod.report(_TRACES, neuron_pod.environment())


def test_a_model_is_compiled_and_what_stays_on_the_cpu_is_told(said):
    reason, percent, note = said["good"]
    assert reason == ""
    assert 90 <= percent < 100
    assert "aten::embedding (3, not supported)" in note


@pytest.mark.parametrize(
    ("case", "reason", "part"),
    [
        ("too little", "CompiledTooLittle", "wanted are 100 %; on the CPU stay aten::embedding"),
        ("too late", "CompilerTimeout", "not done within 3600 s"),
        ("out of memory", "CompilerOutOfMemory", "memory runs out"),
        ("bad argument", "CompilerFailed", "the compiler gave up"),
        ("broken", "TraceFailed", "in a model"),
        ("nothing", "OperatorsUnsupported", "takes no part of the model"),
        ("no device", "DeviceNotFound", "worker 0"),
    ],
)
def test_what_goes_wrong_has_a_reason_and_a_sentence(said, case, reason, part):
    found, message = said[case]
    assert found == reason, message
    assert part in message


def test_masks_are_kept_finite_and_a_pipeline_is_asked_for(said):
    assert said["arguments"] == [
        "--fast-math",
        "none",
        "--neuroncore-pipeline-cores",
        "4",
        "--enable-saturate-infinity",
    ]
    assert said["arguments once"] == ["--enable-saturate-infinity"]


def test_the_versions_that_shape_a_graph_are_told_and_that_they_are_emulated(said):
    assert said["versions"].keys() == {"torch", "torch-neuron", "neuron-cc"}
    assert said["versions"]["torch-neuron"] == "1.13.1.2.11.13.0+emulated"


def test_a_graph_is_one_file_with_its_weights(said):
    assert said["files"] == ["graph.pt"]
    assert said["weights"] == "ManifestInvalid"


def test_the_runtime_takes_as_many_cores_as_workers_need_unless_the_plugin_gave_them(said):
    assert said["reserved"] == "12"
    assert said["reserved by the plugin"] is None


_IMPORT = """
import json, sys
from tracedmodel_api.report import Failure
from tracedmodel_api.types import Target
from tracedmodel_runtime.backend import backend_for
try:
    backend_for(Target.INF1)
except Failure as failure:
    print(json.dumps([failure.reason.name, str(failure)]))
"""


def test_the_package_of_that_name_on_pypi_is_recognized():
    path = {"PYTHONPATH": str(neuron_pod.PYPI_STUB)}
    ended = neuron_pod.run(_IMPORT, {**neuron_pod.environment(), **path})
    reason, message = json.loads(ended.stdout)
    assert reason == "BackendUnavailable"
    assert "PyPI's empty package" in message


@pytest.mark.parametrize(("visible", "count"), [("0-2", 3), ("0,1,2", 3), ("0,1-2", 3), ("2", 1)])
def test_fewer_cores_than_workers_need_are_the_pod_s_fault_and_not_the_artifact_s(
    said, visible, count
):
    reason, message = said[f"reserved of {visible}"]
    assert reason == "CoresNotAvailable"
    assert f"gave {count} NeuronCores (NEURON_RT_VISIBLE_CORES={visible}), the workers need 4" in (
        message
    )


def test_what_cores_a_strange_variable_means_is_left_to_the_runtime(said):
    assert "reserved of all" not in said
