import errno
import os
import subprocess

import pytest

from tracedmodel_api.report import Failure
from tracedmodel_runtime.neuron_errors import compiling_failure, device_failure, import_failure
from tracedmodel_runtime.neuron_log import CompilerLog, Left

NOTHING = "No operations were successfully partitioned and compiled to neuron for this model - aborting trace!"
NOT_INITIALIZED = (
    "The PyTorch Neuron Runtime could not be initialized. Neuron Driver issues are logged to your system logs. "
    "See the Neuron Runtime's troubleshooting guide for help on this topic: https://awsdocs-neuron.readthedocs-hosted.com"
)
EMBEDDING = Left("aten::embedding", 3, supported=False)


def told(failure):
    return failure.reason.name, str(failure)


LEFT = CompilerLog(left=(EMBEDDING,))


def compiling(error, tmp_path, log=LEFT):
    return compiling_failure(error, log, tmp_path, "bucket 1x128")


def test_the_empty_package_of_pypi_is_recognized_and_the_right_one_named():
    stub = ImportError(
        "WRONG PACKAGE. Please install the package from Neuron Repository - pip.repos.neuron.amazonaws.com"
    )
    reason, message = told(import_failure(stub))
    assert reason == "BackendUnavailable"
    assert "--extra-index-url https://pip.repos.neuron.amazonaws.com" in message


def test_a_missing_torch_neuron_and_a_broken_one_are_told_apart():
    missing = ModuleNotFoundError("No module named 'torch_neuron'", name="torch_neuron")
    assert told(import_failure(missing))[0] == "BackendUnavailable"
    wrong = ImportError("Invalid dependency version torch==2.1.0. \nMore.")
    assert told(import_failure(wrong)) == (
        "VersionMismatch",
        "torch-neuron cannot be imported: Invalid dependency version torch==2.1.0.",
    )


def test_a_compiler_that_is_not_done_in_time_is_told_with_the_time(tmp_path):
    late = subprocess.TimeoutExpired(["neuron-cc"], 3600)
    assert told(compiling(late, tmp_path)) == (
        "CompilerTimeout",
        "bucket 1x128: the compiler was not done within 3600 s",
    )


def test_a_killed_compiler_ran_out_of_memory(tmp_path):
    log = CompilerLog(was_killed=True, failed=1)
    assert told(compiling(RuntimeError(NOTHING), tmp_path, log))[0] == "CompilerOutOfMemory"


def test_a_model_of_which_nothing_was_compiled_names_what_is_left(tmp_path):
    reason, message = told(compiling(RuntimeError(NOTHING), tmp_path))
    assert reason == "OperatorsUnsupported"
    assert message.endswith("on the CPU stay aten::embedding (3, not supported)")


def test_a_failed_compiler_is_told_in_its_own_words(tmp_path):
    folder = tmp_path / "0"
    folder.mkdir()
    (folder / "graph_def.neuron-cc.log").write_text(
        "INFO: begun\nERROR 12: Internal Compiler Error, batch too large\nINFO: bye\n"
    )
    reason, message = told(compiling(RuntimeError(NOTHING), tmp_path, CompilerLog(failed=1)))
    assert (reason, message) == (
        "CompilerFailed",
        "bucket 1x128: the compiler gave up: ERROR 12: Internal Compiler Error, batch too large",
    )


def test_of_many_subgraphs_the_one_that_failed_last_is_told(tmp_path):
    for number, moment in ((2, 1), (10, 2), (9, 0)):
        log = tmp_path / str(number) / "graph_def.neuron-cc.log"
        log.parent.mkdir()
        log.write_text(f"ERROR {number}\n")
        os.utime(log, (moment, moment))
    failure = compiling(None, tmp_path, CompilerLog(failed=3))
    assert str(failure).endswith("the compiler gave up: ERROR 10")


def test_a_failed_compiler_without_a_log_is_told_by_the_command_that_failed(tmp_path):
    line = "neuron-cc failed with the following command line call:"
    error = subprocess.SubprocessError(f"{line}\nneuron-cc compile")
    assert told(compiling(error, tmp_path)) == ("CompilerFailed", f"bucket 1x128: the compiler gave up: {line}")  # fmt: skip
    silent = compiling(None, tmp_path, CompilerLog(failed=2))
    assert told(silent) == (
        "CompilerFailed",
        "bucket 1x128: the compiler gave up: it does not say why",
    )


def test_an_image_without_the_compiler_is_the_wrong_image(tmp_path):
    missing = RuntimeError("Please check that neuron-cc is installed and working properly.")
    assert told(compiling(missing, tmp_path))[0] == "BackendUnavailable"


def test_whatever_else_goes_wrong_is_a_trace_that_failed(tmp_path):
    error = ValueError("in a tracer\nShape must be rank 2 but is rank 1\n")
    assert told(compiling(error, tmp_path)) == (
        "TraceFailed",
        "bucket 1x128: the model cannot be traced: Shape must be rank 2 but is rank 1",
    )
    assert str(compiling(TypeError(), tmp_path)).endswith("no reason given")


def test_a_full_disk_and_a_failure_of_ours_stay_what_they_are(tmp_path):
    full = OSError(errno.ENOSPC, "No space left on device")
    ours = Failure("NotFinite", "no")
    assert compiling(full, tmp_path) is full
    assert compiling(ours, tmp_path) is ours


@pytest.mark.parametrize(
    ("raised", "heard", "reason", "message"),
    [
        (NOT_INITIALIZED, ["2026-Nov-22 06:10:47.0112 12:34 ERROR  NRT:nrt_allocate_neuron_cores NeuronCore(s) not available - Requested:nc1-nc1 Available:0"],
         "CoresNotAvailable", "NRT:nrt_allocate_neuron_cores NeuronCore(s) not available - Requested:nc1-nc1 Available:0"),
        (NOT_INITIALIZED, ["Neuron cores are not contiguous"], "CoresNotContiguous", "Neuron cores are not contiguous"),
        (NOT_INITIALIZED, ["Could not open the nd1"], "CoresNotContiguous", "Could not open the nd1"),
        ("Could not load the model status=4 message=Allocation Failure", [], "DeviceMemoryFull", "Could not load the model status=4 message=Allocation Failure"),
        ("x", ["NEFF version mismatch supported: 1.1 received: 2.0"], "VersionMismatch", "NEFF version mismatch supported: 1.1 received: 2.0"),
        ("Unknown builtin op: neuron::forward_v2_1.\nCould not find", [], "VersionMismatch", "Unknown builtin op: neuron::forward_v2_1."),
        (NOT_INITIALIZED, ["ERROR NRT:nrt_init Unable to determine Neuron Driver version. Please check aws-neuron-dkms package is installed."],
         "DeviceNotFound", NOT_INITIALIZED),
        ("open file failed", ["TDRV:tdrv_get_dev_info No neuron device available"], "DeviceNotFound", "TDRV:tdrv_get_dev_info No neuron device available"),
        ("nrt_infer status=1003 message=Numerical Error", [], "NotFinite", "nrt_infer status=1003 message=Numerical Error"),
        ("nrt_infer status=6 message=Hardware Error", [], "DeviceNotFound", "nrt_infer status=6 message=Hardware Error"),
        ("first\nPytorchStreamReader failed", [], "LoadFailed", "PytorchStreamReader failed"),
    ],
)  # fmt: skip
def test_what_keeps_a_graph_from_its_device_has_a_name(raised, heard, reason, message, tmp_path):
    failure = device_failure(RuntimeError(raised), heard, "worker 1", tmp_path / "version")
    assert told(failure) == (reason, f"worker 1: {message}")


@pytest.mark.parametrize("version", ["2.25.0.0", "3.0"])
def test_a_driver_that_is_too_new_is_named_with_its_version(version, tmp_path):
    path = tmp_path / "version"
    path.write_text(f"{version}\n")
    failure = device_failure(RuntimeError(NOT_INITIALIZED), (), "worker 0", path)
    assert told(failure) == (
        "DriverUnsupported",
        f"worker 0: the node's driver is {version}, the last for Inf1 is 2.24",
    )


def test_a_driver_that_is_old_enough_is_not_at_fault(tmp_path):
    path = tmp_path / "version"
    path.write_text("2.24.7.0\n")
    assert told(device_failure(RuntimeError(NOT_INITIALIZED), (), "w", path))[0] == "DeviceNotFound"
