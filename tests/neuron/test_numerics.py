import pytest

import neuron_pod

SNIPPET = """
import torch_neuron
os.environ["NEURON_RT_LOG_LEVEL"] = "QUIET"
bert, example = cases.build("bert")
distil, rows = cases.build("distilbert")
roberta, _ = cases.build("roberta")

def error(model, example, *args):
    return cases.worst(cases.trace(model, example, compiler_args=list(args)), model, example)

said["error"] = {
    "default": error(bert, example),
    "all": error(bert, example, "--fast-math", "all"),
    "none": error(bert, example, "--fast-math", "none"),
    "all-fp16": error(bert, example, "--fp32-cast", "all-fp16"),
    "matmult-fp16": error(bert, example, "--fast-math", "fp32-cast-matmult-fp16", "no-fast-relayout"),
    "cast wins": error(bert, example, "--fast-math", "none", "--fp32-cast", "all"),
    "roberta": error(roberta, rows),
}
for name, (model, inputs) in zip(("encoder", "decoder"), cases.marian()):
    said["error"][name] = error(model, inputs)
    other = (*inputs[:-1], torch.tensor(3)) if name == "decoder" else inputs
    said["error"][name + " again"] = cases.worst(cases.trace(model, inputs), model, other)

class Product(torch.nn.Module):
    def forward(self, x, y):
        return (x @ y) * 1.0, x + y

x, y = torch.rand(8, 8), torch.rand(8, 8)
product, total = cases.trace(Product(), (x, y))(x, y)
short = lambda t: t.bfloat16().float()
said["all rounded"] = [torch.equal(product, short(short(x) @ short(y))), torch.equal(total, short(short(x) + short(y)))]
product, total = cases.trace(Product(), (x, y), compiler_args=["--fast-math", "none"])(x, y)
said["operands rounded"] = [torch.equal(product, short(x) @ short(y)), torch.equal(total, x + y)]
said["dtype"] = str(product.dtype)

def missing(model, example, *args):
    masked = example[1].clone()
    masked[0] = 0
    traced = cases.trace(model, example, compiler_args=list(args))
    with torch.no_grad():
        return [row.isnan().any().item() for row in traced(example[0], masked, *example[2:])[0]]

said["missing"] = [missing(distil, rows), missing(bert, example)]
os.environ["TORCH_NEURON_EMULATE_OLD"] = "1"
said["missing of old"] = [missing(distil, rows), missing(bert, example)]
said["missing with matmult"] = missing(bert, example, "--fast-math", "none")
said["missing with saturation"] = missing(distil, rows, "--enable-saturate-infinity")
del os.environ["TORCH_NEURON_EMULATE_OLD"]

single = tuple(tensor[1:] for tensor in example)
dynamic = cases.trace(bert, single, dynamic_batch_size=True, fallback=False)
said["any batch"] = cases.worst(dynamic, bert, example)
flat = cases.trace(Product(), (x, y), dynamic_batch_size=True)
said["unequal"] = cases.raised(flat, x, y[:3])
half = cases.trace(distil, rows, optimizations=[torch_neuron.Optimization.FLOAT32_TO_FLOAT16])
said["half"] = [str(half(*rows)[0].dtype), cases.worst(half, distil, rows)]
fixed = cases.trace(bert, example)
said["batch"] = cases.raised(fixed, *single)
said["type"] = cases.raised(cases.trace(Product(), (x, y)), x.double(), y)
said["trained"] = str(fixed(*example)[0].requires_grad)
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    device = neuron_pod.make_device(tmp_path_factory.mktemp("node") / "device")
    return neuron_pod.report(SNIPPET, neuron_pod.environment(device))


def test_answers_are_as_near_as_bf16_is(said):
    errors = said["error"]
    assert errors["default"] == errors["all"] == errors["cast wins"]
    assert all(1e-3 < error < 8e-2 for name, error in errors.items() if "fp16" not in name)


def test_fp16_is_nearer_than_bf16_and_less_rounding_nearer_still(said):
    errors = said["error"]
    assert errors["matmult-fp16"] < errors["all-fp16"] < errors["default"]
    assert errors["none"] < errors["default"]


def test_by_default_every_tensor_is_rounded_and_without_fast_math_only_factors(said):
    assert said["all rounded"] == [True, True]
    assert said["operands rounded"] == [True, True]
    assert said["dtype"] == "torch.float32"


def test_a_row_without_tokens_is_no_number_only_before_the_fix_of_2_5(said):
    assert said["missing"] == [[False, False], [False, False]]
    assert said["missing of old"] == [[True, False], [True, True]]
    assert said["missing with matmult"] == [False, False]
    assert said["missing with saturation"] == [False, False]


def test_a_dynamic_batch_takes_any_first_size(said):
    assert said["any batch"] < 8e-2
    assert "Inconsistent batch sizes found on inputs" in said["unequal"]


def test_float16_ports_give_float16(said):
    assert said["half"][0] == "torch.float16"
    assert said["half"][1] < 8e-2


@pytest.mark.parametrize("case", ["batch", "type"])
def test_another_shape_or_type_fails_in_the_device_operator(said, case):
    assert "The following operation failed in the TorchScript interpreter." in said[case]
    assert "ops.neuron.forward_v2_1" in said[case]
    assert "neuron::forward_v2_1: input #0" in said[case]


def test_nothing_is_recorded_for_training(said):
    assert said["trained"] == "False"
