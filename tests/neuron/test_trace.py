import pytest

import neuron_pod

EMBEDDINGS = {"bert": 3, "distilbert": 2, "roberta": 3, "mpnet": 3, "electra": 3, "albert": 3}
SNIPPET = """
import torch_neuron, torch.neuron, subprocess, importlib.metadata, pathlib
log = cases.Lines()
said["same"] = torch.neuron is torch_neuron
said["versions"] = [torch_neuron.__version__] + [
    importlib.metadata.version(name) for name in ("torch-neuron", "neuron-cc")]
said["lacks"] = [n for n in ("lazy_load", "async_load", "move_trace_to_device", "dynamic_batch",
    "set_dynamic_batching") if hasattr(torch_neuron, n) or hasattr(torch_neuron.experimental, n)]
said["available"] = torch_neuron.is_available()
said["operators"] = torch_neuron.get_supported_operations()
said["kinds"] = {}
for family in cases.FAMILIES:
    model, example = cases.build(family)
    said["kinds"][family] = cases.kinds(cases.trace(model, example))
for name, (model, example) in zip(("encoder", "decoder"), cases.marian()):
    said["kinds"][name] = cases.kinds(cases.trace(model, example))
log.take()

model, example = cases.build("distilbert")
traced = cases.trace(model, example, compiler_workdir=WORKDIR)
said["log"] = log.take()
said["files"] = sorted(str(p.relative_to(WORKDIR)) for p in pathlib.Path(WORKDIR).rglob("*") if p.is_file())
said["call"] = cases.raised(traced, *example)
torch.jit.save(traced, WORKDIR + "/model.pt")
said["load"] = cases.raised(torch.jit.load, WORKDIR + "/model.pt")
said["parallel"] = cases.raised(torch_neuron.DataParallel, traced)
said["context"] = cases.raised(torch_neuron.experimental.neuron_cores_context().__enter__)

def refused(**kwargs):
    return cases.raised(cases.trace, model, example, **kwargs)

said["dict"] = cases.raised(cases.trace, model, {"input_ids": example[0]})
said["keyword"] = refused(op_whitelist=[])
said["string"] = refused(compiler_args="--fast-math none")
log.take()
said["option"] = [refused(compiler_args=["--no-such-option"]), log.take()]
said["value"] = refused(compiler_args=["--fast-math", "fast"])
said["both"] = refused(compiler_args=["--fast-math", "fp32-cast-matmult", "fp32-cast-all"])
os.environ["TORCH_NEURON_EMULATE_COMPILE_SECONDS"] = "100"
said["timeout"] = refused(compiler_timeout=60)
said["in time"] = refused(compiler_timeout=101)
log.take()
os.environ["TORCH_NEURON_EMULATE_COMPILER_OOM"] = "1"
said["memory"] = [refused(), log.take()]
del os.environ["TORCH_NEURON_EMULATE_COMPILER_OOM"]
os.environ["TORCH_NEURON_EMULATE_NO_NEURON_CC"] = "1"
said["compiler"] = refused()
del os.environ["TORCH_NEURON_EMULATE_NO_NEURON_CC"]
os.environ["TORCH_NEURON_EMULATE_GRAPH_LIMIT"] = "1000"
said["large"] = [refused(), refused(separate_weights=True)]
del os.environ["TORCH_NEURON_EMULATE_GRAPH_LIMIT"]
said["dynamic"] = refused(dynamic_batch_size=True)
roberta, rows = cases.build("roberta")
said["cumsum"] = cases.raised(cases.trace, roberta, rows, fallback=False)
said["forced"] = cases.kinds(cases.trace(model, example, fallback=False))
every = cases.trace(roberta, rows, single_fusion_ratio_threshold=1.0)
said["every"] = cases.kinds(every).count("neuron::forward_v2_1")
only = cases.trace(model, example, subgraph_builder_function=lambda node: "TransformerBlock" in node.name)
said["builder"] = [cases.kinds(only).count(k) for k in ("aten::add", "aten::softmax", "neuron::forward_v2_1")]
said["analysis"] = list(torch_neuron.analyze_model(model, list(example)).items())[:4]
said["one tensor"] = len(cases.kinds(cases.trace(lambda x: torch.softmax(x @ x.transpose(0, 1), -1) + 1, torch.eye(3))))
said["too small"] = cases.raised(cases.trace, lambda x: x + 1, torch.eye(3))
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    workdir = str(tmp_path_factory.mktemp("compile"))
    return neuron_pod.report(f"WORKDIR = {workdir!r}\n{SNIPPET}", neuron_pod.environment())


def test_both_names_are_one_module_that_says_it_is_emulated(said):
    assert said["same"]
    assert said["versions"] == ["1.13.1.2.11.13.0+emulated"] * 2 + ["1.24.0.0+emulated"]
    assert said["stderr"].count("emulated on the CPU") == 1
    assert said["lacks"] == []
    assert not said["available"]


def test_embeddings_are_not_among_the_supported_operators(said):
    assert {"aten::linear", "aten::softmax", "aten::masked_fill"} <= set(said["operators"])
    assert not {"aten::embedding", "aten::cumsum", "aten::gather"} & set(said["operators"])


@pytest.mark.parametrize("family", EMBEDDINGS)
def test_embeddings_stay_native_and_the_rest_is_one_subgraph(said, family):
    kinds = said["kinds"][family]
    assert kinds.count("aten::embedding") == EMBEDDINGS[family]
    assert kinds.count("aten::cumsum") == (family in ("roberta", "mpnet"))
    assert [k for k in kinds if k.startswith("neuron")] == ["neuron::forward_v2_1"]
    assert kinds[-1] == "neuron::forward_v2_1"
    assert not {"aten::linear", "aten::softmax", "aten::layer_norm"} & set(kinds)


def test_a_padded_decoder_makes_its_causal_mask_natively(said):
    assert said["kinds"]["encoder"].count("aten::embedding") == 2
    assert {"aten::masked_fill_", "aten::copy_"} & set(said["kinds"]["decoder"])
    assert "aten::full" in said["kinds"]["decoder"]
    assert said["kinds"]["decoder"].count("neuron::forward_v2_1") == 1


def test_the_log_tells_what_runs_where(said):
    log = "\n".join(said["log"])
    native = "There are 2 ops of 1 different types in the TorchScript that are not compiled by neuron-cc: aten::embedding, "
    assert f"INFO:Neuron:{native}(For more information see " in log
    assert "INFO:Neuron:Compiling function _NeuronGraph$" in log
    assert "INFO:Neuron:Compiling with command line: 'neuron-cc compile " in log
    assert '--io-config {"inputs": {"0:0": [[2, 16, 32], "float32"], ' in log
    assert "INFO:Neuron:The neuron partitioner created 1 sub-graphs" in log
    assert "Percent of model sub-graphs successfully compiled = 100.0%" in log
    assert "INFO:Neuron: => aten::linear: 12" in log
    assert "INFO:Neuron: => aten::embedding: 2 [not supported]" in log
    assert "Compiler status PASS" in said["stdout"]


def test_the_counts_of_the_log_add_up(said):
    counted = [line for line in said["log"] if "=>" in line]
    summary = next(line for line in said["log"] if "(post-compilation)" in line)
    total, compiled = (int(part.split(",")[0]) for part in summary.split(" = ")[1:3])
    on_device = sum(int(line.rpartition(": ")[2]) for line in counted if "[" not in line)
    native = sum(int(line.rpartition(": ")[2].split()[0]) for line in counted if "[" in line)
    assert on_device == compiled
    assert on_device + native == total
    assert f"percent compiled = {round(100 * compiled / total, 2)}%" in summary


def test_the_compiler_leaves_its_files(said):
    assert said["files"] == [f"0/graph_def.{end}" for end in ("neff", "neuron-cc.log", "pb")]


def test_without_a_device_a_trace_works_but_neither_its_call_nor_its_load(said):
    words = (
        "RuntimeError: The PyTorch Neuron Runtime could not be initialized. Neuron Driver issues"
    )
    assert "The PyTorch Neuron Runtime could not be initialized." in said["call"]
    assert said["load"].startswith(words)
    assert said["context"].startswith(words)
    assert "cannot determine the number of available NeuronCores" in said["parallel"]
    assert "NRT:nrt_init Unable to determine Neuron Driver version." in said["stderr"]


def test_arguments_that_the_real_one_does_not_take_are_refused(said):
    assert said["dict"].startswith("TypeError: ")
    assert "op_whitelist" in said["keyword"]
    assert said["keyword"].startswith("TypeError: ")
    assert said["string"].startswith("TypeError: compiler_args must be a list of str")
    assert said["one tensor"] == 1


NOTHING = "RuntimeError: No operations were successfully partitioned and compiled to neuron for this model - aborting trace!"


def test_a_failed_compile_falls_back_and_only_nothing_compiled_raises(said):
    error, log = said["option"]
    assert error == said["value"] == said["both"] == said["too small"] == NOTHING
    assert any(line.startswith("ERROR:Neuron:neuron-cc failed with the following") for line in log)
    assert any(line.endswith("; falling back to native python function call") for line in log)


def test_a_compiler_that_is_killed_or_slow_or_missing_ends_as_the_real_one(said):
    error, log = said["memory"]
    assert error == NOTHING
    assert "INFO:Neuron:Compile command returned: -9" in log
    assert said["timeout"].startswith("TimeoutExpired: ")
    assert said["in time"] == "nothing"
    assert "Please check that neuron-cc is installed" in said["compiler"]
    assert "Error parsing message with type 'tensorflow.GraphDef'" in said["large"][0]
    assert said["large"][1] == "nothing"


def test_a_dynamic_batch_needs_one_first_size(said):
    assert said["dynamic"].startswith("ValueError: Dynamic batching was enabled but all compiled")
    assert "Input #1 shape: [1 16 32]" in said["dynamic"]


def test_the_partition_follows_its_options(said):
    assert said["cumsum"].startswith("AttributeError: ")
    assert said["forced"] == ["neuron::forward_v2_1"]
    assert said["every"] == 3
    assert said["builder"] == [1, 0, 1]
    assert said["analysis"][1][0] == "percent_supported_arithmetic"
    assert 90 < said["analysis"][1][1] < 100
