from tracedmodel_runtime.neuron_log import CompilerLog, Left, read_log

# As torch-neuron 1.13 writes them for BERT-base.
BERT = """\
There are 3 ops of 1 different types in the TorchScript that are not compiled by neuron-cc: aten::embedding, (For more information see https://github.com/aws/aws-neuron-sdk/blob/master/release-notes/neuron-cc-ops/neuron-cc-ops-pytorch.md)
Number of arithmetic operators (pre-compilation) before = 565, fused = 548, percent fused = 96.99%
Compiling function _NeuronGraph$698 with neuron-cc
Number of arithmetic operators (post-compilation) before = 565, compiled = 555, percent compiled = 98.23%
The neuron partitioner created 1 sub-graphs
Neuron successfully compiled 1 sub-graphs, Total fused subgraphs = 1, Percent of model sub-graphs successfully compiled = 100.0%
Compiled these operators (and operator counts) to Neuron:
 => aten::linear: 74
Not compiled operators (and operator counts) to Neuron:
 => aten::embedding: 3 [not supported]
 => aten::add: 2 [supported]
 => aten::add_: 1 [supported]
""".splitlines()


def test_the_log_tells_how_much_was_compiled_and_what_stays_on_the_cpu():
    assert read_log(BERT) == CompilerLog(
        percent=98.23,
        partitions=1,
        left=(
            Left("aten::embedding", 3, supported=False),
            Left("aten::add", 2, supported=True),
            Left("aten::add_", 1, supported=True),
        ),
    )


def test_what_the_compiler_does_not_know_is_named_first():
    said = read_log([*reversed(BERT)]).left_behind()
    assert said == "aten::embedding (3, not supported), aten::add (2), aten::add_ (1)"


def test_of_many_operators_the_first_are_named_and_the_others_counted():
    many = tuple(Left(f"aten::op{n}", n, supported=True) for n in range(1, 10))
    assert CompilerLog(left=many).left_behind().endswith("aten::op4 (4) and 3 more")


def test_an_empty_log_says_nothing():
    assert read_log([]) == CompilerLog()
    assert "does not name" in CompilerLog().left_behind()


def test_a_subgraph_that_failed_is_counted_once_however_often_it_is_told():
    line = (
        "torch.neuron.trace failed on _NeuronGraph$551; falling back to native python function call"
    )
    other = line.replace("551", "552")
    assert read_log([line, line, other]).failed == 2


def test_a_compiler_that_was_killed_is_told_by_what_it_returned():
    assert read_log(["Compile command returned: -9"]).was_killed
    assert not read_log(["Compile command returned: 1"]).was_killed
