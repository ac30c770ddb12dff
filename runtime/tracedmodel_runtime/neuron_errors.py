"""What goes wrong with torch-neuron, its compiler and its runtime, as failures with a reason of ours.

The texts are those of torch-neuron 1.13, neuron-cc 1.24 and the Neuron runtime that torch-neuron brings.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tracedmodel_api.failures import is_full
from tracedmodel_api.report import Failure
from tracedmodel_runtime.neuron_log import CompilerLog

NEWEST_DRIVER = (2, 24)
"""The last driver that runs Inf1."""
DRIVER_VERSION = Path("/sys/module/neuron/version")
INDEX = "https://pip.repos.neuron.amazonaws.com"
_NOTHING_COMPILED = "No operations were successfully partitioned"
_COMPILER_MISSING = "check that neuron-cc is installed"
_DEVICE_TEXTS = (
    ("CoresNotAvailable", ("NeuronCore(s) not available",)),
    ("CoresNotContiguous", ("not contiguous", "Could not open the nd")),
    ("DeviceMemoryFull", ("Allocation Failure", "status=4 ")),
    ("VersionMismatch", ("NEFF version mismatch", "Unknown builtin op: neuron")),
    ("NotFinite", ("status=1003 ", "COMPLETED_WITH_NUM_ERR", "completed_with_num_err")),
    (
        "DeviceNotFound",
        (
            "Unable to determine Neuron Driver version",
            "No neuron device available",
            "Runtime could not be initialized",
            "Please check /dev/neuron",
            "status=5 ",
            "status=6 ",
        ),
    ),
)
"""In this order: where cores or memory are the trouble, the general sentences may be there as well.

Statuses are those of the runtime's nrt_status.h: 4 is no memory, 5 a device that does not answer, 6 one that is broken.
"""
_LOG_ERROR = re.compile(r"error|fail|not supported", re.IGNORECASE)


def import_failure(error: Exception) -> Failure:
    """Return why torch-neuron cannot be imported."""
    text = str(error)
    if "WRONG PACKAGE" in text:
        return Failure(
            "BackendUnavailable",
            "the torch-neuron that is installed is PyPI's empty package of that name: install "
            f"torch-neuron==1.13.1.2.11.13.0 with --extra-index-url {INDEX}",
        )
    if isinstance(error, ModuleNotFoundError) and error.name == "torch_neuron":
        return Failure(
            "BackendUnavailable",
            "target Inf1 needs torch-neuron, which is not installed: use the image for Inf1",
        )
    return Failure("VersionMismatch", f"torch-neuron cannot be imported: {_first_line(text)}")


def compiling_failure(
    error: Exception | None, log: CompilerLog, folder: Path, subject: str
) -> Exception:
    """Return why a trace failed, by what was raised and by what the log and the compiler's ``folder`` hold.

    Without ``error`` it ended, but too many of its subgraphs failed.
    """
    text = str(error or "")
    if isinstance(error, subprocess.TimeoutExpired):
        reason, message = (
            "CompilerTimeout",
            f"the compiler was not done within {error.timeout:.0f} s",
        )
    elif log.was_killed:
        reason, message = "CompilerOutOfMemory", "the compiler was killed, as where memory runs out"
    elif _COMPILER_MISSING in text:
        reason, message = (
            "BackendUnavailable",
            "neuron-cc is missing: use the exporter's image for Inf1",
        )
    elif log.failed or isinstance(error, subprocess.SubprocessError):
        said = _compiler_says(folder) or _first_line(text) or "it does not say why"
        reason, message = "CompilerFailed", f"the compiler gave up: {said}"
    elif _NOTHING_COMPILED in text:
        reason = "OperatorsUnsupported"
        message = f"the compiler takes no part of the model; on the CPU stay {log.left_behind()}"
    elif error is not None and (is_full(error) or isinstance(error, Failure)):
        return error
    else:
        reason, message = "TraceFailed", f"the model cannot be traced: {_last_line(text)}"
    return Failure(reason, f"{subject}: {message}")


def device_failure(
    error: Exception, heard: Sequence[str], where: str, driver: Path = DRIVER_VERSION
) -> Failure:
    """Return why a graph cannot be loaded or run on a device, by what was raised and ``heard`` from the runtime."""
    lines = [*str(error).splitlines(), *heard]
    for reason, texts in _DEVICE_TEXTS:
        said = next((line for line in lines if any(text in line for text in texts)), None)
        if said is None:
            continue
        version = _driver_version(driver)
        if reason == "DeviceNotFound" and version and _too_new(version):
            newest = ".".join(map(str, NEWEST_DRIVER))
            message = f"{where}: the node's driver is {version}, the last for Inf1 is {newest}"
            return Failure("DriverUnsupported", message)
        return Failure(reason, f"{where}: {_plain(said)}")
    return Failure("LoadFailed", f"{where}: {_last_line(str(error))}")


def _driver_version(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None


def _too_new(version: str) -> bool:
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    return numbers > NEWEST_DRIVER


def _compiler_says(folder: Path) -> str | None:
    """Return the line that tells of an error last, in the logs of all subgraphs, if there is one."""
    logs = sorted(folder.glob("*/*.log"), key=lambda log: log.stat().st_mtime_ns)
    lines = [line for log in logs for line in log.read_text(errors="replace").splitlines()]
    return next((line.strip() for line in reversed(lines) if _LOG_ERROR.search(line)), None)


def _plain(line: str) -> str:
    """Return a line of the runtime without its date, process and level."""
    return re.sub(r"^.*?\b(?:ERROR|WARN\w*)\s+", "", line).strip()


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def _last_line(text: str) -> str:
    return next(
        (line.strip() for line in reversed(text.splitlines()) if line.strip()), "no reason given"
    )
