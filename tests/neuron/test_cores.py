import pytest

import neuron_pod

HEAD = """
import subprocess, sys, threading
import torch_neuron
from torch_neuron.runtime import runtime
experimental = torch_neuron.experimental
model, example = cases.build("bert")
"""
START = "\nsaid['start'] = cases.raised(runtime.start)\nsaid['cores'] = [c.number for c in runtime.cores]"


@pytest.fixture
def device(tmp_path):
    return neuron_pod.make_device(tmp_path / "device")


def test_a_graph_needs_the_import_before_it_is_loaded(artifact, device):
    said = neuron_pod.report(
        f"said['load'] = cases.raised(torch.jit.load, {str(artifact)!r})",
        neuron_pod.environment(device),
    )
    assert "Unknown builtin op: neuron::forward_v2_1" in said["load"]


def test_torch_neuron_alone_is_a_name_of_the_module(device):
    said = neuron_pod.report(
        "import torch.neuron\nsaid['named'] = [torch.neuron.__name__, torch.neuron.__spec__.name]",
        neuron_pod.environment(device),
    )
    assert said["named"] == ["torch_neuron"] * 2


def test_models_go_where_their_context_says(artifact, device):
    snippet = f"""{HEAD}
PATH = {str(artifact)!r}
said["none"] = runtime.loads
lock, answers, loaded = threading.Lock(), [None] * 4, [None] * 4

def work(core):
    with lock, experimental.neuron_cores_context(start_nc=core, nc_count=1):
        loaded[core] = torch.jit.load(PATH)
    with torch.no_grad():
        answers[core] = [loaded[core](*example)[0] for _ in range(8)]

threads = [threading.Thread(target=work, args=(core,)) for core in range(4)]
[t.start() for t in threads]
[t.join() for t in threads]
said["loads"] = runtime.loads
said["inferences"] = [core.inferences for core in runtime.cores]
said["alike"] = all(torch.equal(a, answers[0][0]) for per in answers for a in per)
said["near"] = cases.worst(loaded[0], model, example)

frozen = torch.jit.freeze(loaded[2])
del loaded[2:]
frozen(*example)
said["frozen"] = runtime.loads
said["models"] = [core.models for core in runtime.cores]
least = torch.jit.load(PATH)
said["least used"] = [core.models for core in runtime.cores]
before = [core.inferences for core in runtime.cores]
experimental.set_neuron_cores(least, start_nc=1, nc_count=2)
for _ in range(4):
    least(*example)
said["in turn"] = [core.inferences - old for core, old in zip(runtime.cores, before)]
experimental.set_multicore(least)
said["everywhere"] = [core.models for core in runtime.cores]
with experimental.multicore_context():
    spread = torch.jit.load(PATH)
said["spread"] = [core.models for core in runtime.cores]
said["bad"] = [
    cases.raised(experimental.neuron_cores_context(*numbers).__enter__)
    for numbers in ((0, 0), (0, 5), (4, 1), (3, 2), (-2, 1), (0, -2))
]
parallel = torch_neuron.DataParallel(torch_neuron.trace(lambda x: torch.softmax(x @ x.transpose(1, 2), -1) + 1, torch.rand(2, 3, 3)))
batch = torch.rand(9, 3, 3)
said["parallel"] = [parallel.num_workers, (parallel(batch) - torch.softmax(batch @ batch.transpose(1, 2), -1) - 1).abs().max().item()]
parallel.disable_dynamic_batching()
said["fixed"] = [list(parallel(batch[:8]).shape), cases.raised(parallel, batch)]

pipeline = torch_neuron.trace(model, example, compiler_args=["--neuroncore-pipeline-cores", "2"])
torch.jit.save(pipeline, PATH + ".2")
with experimental.neuron_cores_context(0, 4):
    two = torch.jit.load(PATH + ".2")
said["pipeline"] = [core.models for core in runtime.cores]
with experimental.neuron_cores_context(0, 1):
    said["half a pipeline"] = cases.raised(torch.jit.load, PATH + ".2")

reader, writer = os.pipe()
if not os.fork():
    os.write(writer, cases.raised(spread, *example).encode())
    os._exit(0)
said["child"] = os.read(reader, 100_000).decode()
"""
    said = neuron_pod.report(snippet, neuron_pod.environment(device))
    assert said["none"] == 0
    assert said["loads"] == said["frozen"] == 4
    assert said["inferences"] == [8] * 4
    assert said["alike"]
    assert said["near"] < 8e-2
    assert said["models"] == [1, 1, 1, 0]
    assert said["least used"] == [1, 1, 1, 1]
    assert said["in turn"] == [0, 2, 2, 0]
    assert said["everywhere"] == [2, 2, 2, 1]
    assert said["spread"] == [3, 3, 3, 2]
    assert all(error.startswith("ValueError: ") for error in said["bad"])
    assert said["parallel"][0] == 8
    assert said["parallel"][1] < 2e-2
    assert said["fixed"][0] == [8, 3, 3]
    assert "neuron::forward_v2_1: input #0" in said["fixed"][1]
    added = [now - old for now, old in zip(said["pipeline"], said["spread"], strict=True)]
    assert len(set(added)) == 1
    assert said["half a pipeline"].startswith("ValueError: ")
    assert "NRT_STATE_CHILD" in said["child"]


def test_a_core_belongs_to_one_process_until_it_ends(device):
    other = neuron_pod.environment(device, NEURON_RT_NUM_CORES="1")
    snippet = f"""{HEAD}{START}
other = "import torch_neuron; from torch_neuron.runtime import runtime; runtime.start(); print(runtime.cores[0].number)"

def beside():
    done = subprocess.run([sys.executable, "-c", other], capture_output=True, text=True, env={other!r})
    return done.stdout + done.stderr

said["beside"] = beside()
for lock in runtime._taken.locks[2:]:
    lock.close()
said["after"] = beside()
"""
    said = neuron_pod.report(snippet, neuron_pod.environment(device))
    assert said["cores"] == [0, 1, 2, 3]
    busy = (
        "NRT:nrt_allocate_neuron_cores NeuronCore(s) not available - Requested:nc1-nc1 Available:0"
    )
    assert said["beside"].count(busy) == 2
    assert "RuntimeError" in said["beside"]
    assert said["after"].startswith("2\n")


def test_the_runtime_reads_its_settings_when_it_starts(device):
    snippet = f"""{HEAD}
os.environ["NEURON_RT_VISIBLE_CORES"] = "0,2"
said["apart"] = cases.raised(runtime.start)
os.environ["NEURON_RT_VISIBLE_CORES"] = "2-5"
said["beyond"] = cases.raised(runtime.start)
(device := __import__("pathlib").Path(os.environ["TORCH_NEURON_EMULATE_DEVICE"]) / "driver").write_text("2.25.4.0")
said["driver"] = cases.raised(runtime.start)
device.write_text("2.24.7.0")
os.environ["NEURON_RT_VISIBLE_CORES"] = "2-3"
os.environ["NEURON_RT_NUM_CORES"] = "1"
{START}
"""
    said = neuron_pod.report(snippet, neuron_pod.environment(device))
    assert "Neuron cores are not contiguous" in said["apart"]
    assert "Requested:nc4-nc4 Available:2" in said["beyond"]
    assert "TDRV:tdrv_get_dev_info No neuron device available" in said["driver"]
    assert said["start"] == "nothing"
    assert said["cores"] == [2, 3]


def test_memory_ends_and_broken_cores_compute_wrongly(artifact, tmp_path):
    broken = {1: "nan", 2: "noise"}
    device = neuron_pod.make_device(tmp_path / "device", memory=60_000, broken=broken)
    snippet = f"""{HEAD}
PATH = {str(artifact)!r}
os.environ["TORCH_NEURON_EMULATE_NEFF_VERSION"] = "2.0"
said["format"] = cases.raised(torch.jit.load, PATH)
del os.environ["TORCH_NEURON_EMULATE_NEFF_VERSION"]
kept = []
for core in range(3):
    with experimental.neuron_cores_context(core, 1):
        kept.append(torch.jit.load(PATH))
said["bytes"] = runtime.cores[0].used
said["worst"] = [str(cases.worst(loaded, model, example)) for loaded in kept]
with experimental.neuron_cores_context(0, 1):
    said["full"] = cases.raised(torch.jit.load, PATH)
del kept[0]
with experimental.neuron_cores_context(0, 1):
    said["again"] = cases.raised(torch.jit.load, PATH)
"""
    said = neuron_pod.report(snippet, neuron_pod.environment(device))
    assert "NEFF version mismatch supported: 1.1 received: 2.0" in said["format"]
    assert 30_000 < said["bytes"] < 60_000
    assert float(said["worst"][0]) < 8e-2
    assert said["worst"][1] == "nan"
    assert float(said["worst"][2]) > 0.5
    assert (
        said["full"] == "RuntimeError: Could not load the model status=4 message=Allocation Failure"
    )
    assert said["again"] == "nothing"
