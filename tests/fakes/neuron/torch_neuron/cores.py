"""The NeuronCores of a node, as a folder that the processes on it share.

The folder holds ``cores`` (how many there are), ``memory`` (bytes of each), ``driver`` (the version of
the kernel module) and ``broken`` (which cores compute wrongly). A core is taken by a lock that ends with its process.
"""

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from torch_neuron.log import nrt

LAST_DRIVER = (2, 24)
"""The last driver that knows Inf1."""
CORE_BYTES = 2 * 2**30
"""The memory of one core, unless the device's file ``memory`` says otherwise."""
_GUIDE = (
    "https://awsdocs-neuron.readthedocs-hosted.com/en/latest/neuron-runtime/nrt-troubleshoot.html"
)
UNINITIALIZED = (
    "The PyTorch Neuron Runtime could not be initialized. Neuron Driver issues are logged to your "
    "system logs. See the Neuron Runtime's troubleshooting guide for help on this topic: " + _GUIDE
)


def uninitialized(reason: str, *, shown: bool = True) -> RuntimeError:
    """Log why the runtime cannot start; return the error, which may show it after its general sentence."""
    nrt("ERROR", reason)
    return RuntimeError(f"{UNINITIALIZED}\n{reason}" if shown else UNINITIALIZED)


@dataclass(frozen=True)
class Taken:
    """The cores of this process by their numbers on the node, and the locks that hold them."""

    cores: tuple[int, ...]
    locks: tuple[IO[str], ...]
    broken: dict[int, str]
    memory: int
    """Bytes of each core."""


def folder() -> Path | None:
    """Return the emulated device; None on a node without one."""
    named = os.environ.get("TORCH_NEURON_EMULATE_DEVICE")
    return Path(named) if named else None


def take() -> Taken:
    """Take the cores that NEURON_RT_VISIBLE_CORES or NEURON_RT_NUM_CORES ask for; all by default.

    Raises:
        RuntimeError: no device, no driver for it, or too few cores are free.
    """
    device = _device()
    total = int(_line(device / "cores", "4"))
    visible = os.environ.get("NEURON_RT_VISIBLE_CORES")
    count = os.environ.get("NEURON_RT_NUM_CORES")
    if visible:
        taken = _take_these(device, _visible(visible), total)
    else:
        taken = _take_some(device, int(count) if count else None, total)
    locks = tuple(taken.values())
    memory = int(_line(device / "memory", str(CORE_BYTES)))
    return Taken(tuple(taken), locks, _broken(device), memory)


def _device() -> Path:
    device = folder()
    if device is None or not device.is_dir():
        raise uninitialized(
            "NRT:nrt_init Unable to determine Neuron Driver version. Please check "
            "aws-neuron-dkms package is installed.",
            shown=False,
        )
    driver = _line(device / "driver", "2.24.7.0")
    if tuple(int(part) for part in driver.split(".")[:2]) > LAST_DRIVER:
        raise uninitialized("TDRV:tdrv_get_dev_info No neuron device available")
    return device


def _take_these(device: Path, wanted: list[int], total: int) -> dict[int, IO[str]]:
    held = {core: _lock(device, core) for core in wanted if core < total}
    free = {core: lock for core, lock in held.items() if lock}
    if len(free) < len(wanted):
        _release(free)
        raise _busy(len(wanted), len(free))
    return free


def _take_some(device: Path, count: int | None, total: int) -> dict[int, IO[str]]:
    """Take ``count`` neighbours, or without a count all that are free."""
    free = {c: lock for c, lock in ((c, _lock(device, c)) for c in range(total)) if lock}
    if count is None:
        chosen = list(free)
    else:
        starts = (s for s in free if all(c in free for c in range(s, s + count)))
        start = next(starts, None)
        chosen = [] if start is None else list(range(start, start + count))
    _release({core: lock for core, lock in free.items() if core not in chosen})
    if not chosen:
        raise _busy(count or 1, len(free))
    return {core: free[core] for core in chosen}


def _busy(wanted: int, available: int) -> RuntimeError:
    return uninitialized(
        "NRT:nrt_allocate_neuron_cores NeuronCore(s) not available - "
        f"Requested:nc{wanted}-nc{wanted} Available:{available}",
    )


def _visible(text: str) -> list[int]:
    """Read "3", "3-6" or "3,4"."""
    cores: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        cores.extend(range(int(first), int(last or first) + 1))
    if cores != list(range(cores[0], cores[0] + len(cores))):
        raise uninitialized("NRT:nrt_init Neuron cores are not contiguous")
    return cores


def _lock(device: Path, core: int) -> IO[str] | None:
    handle = (device / f"nc{core}.lock").open("a")
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.close()
        return None
    return handle


def _release(locks: dict[int, IO[str]]) -> None:
    for lock in locks.values():
        lock.close()


def _line(path: Path, default: str) -> str:
    return path.read_text().strip() if path.exists() else default


def _broken(device: Path) -> dict[int, str]:
    lines = _line(device / "broken", "").splitlines()
    return {int(core): how for core, how in (line.split() for line in lines)}
