"""Processes that have the stand-in for torch-neuron on their path: a pod on an Inf1 node, or one without a device."""

import os
import subprocess
import sys
from pathlib import Path

FAKES = Path(__file__).parent
NEURON = FAKES / "neuron"
PYPI_STUB = FAKES / "neuron_pypi_stub"


def environment(device: Path | None = None, **switches: str) -> dict[str, str]:
    """Return the environment of a pod.

    ``device`` is a folder of ``make_device``, None for a node without one. A switch ``old="1"`` becomes
    TORCH_NEURON_EMULATE_OLD; a name in capitals stays as it is.
    """
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("NEURON_", "TORCH_NEURON_"))}
    paths = [str(NEURON), *filter(None, [kept.get("PYTHONPATH")])]
    given = {
        k if k.isupper() else f"TORCH_NEURON_EMULATE_{k.upper()}": v for k, v in switches.items()
    }
    placed = {"TORCH_NEURON_EMULATE_DEVICE": str(device)} if device else {}
    standard = {"TORCH_NEURON_EMULATE_ANY_TORCH": "1", "PYTHONPATH": os.pathsep.join(paths)}
    return kept | standard | placed | given


def make_device(
    folder: Path, cores: int = 4, *, driver: str | None = None, broken: dict[int, str] | None = None
) -> Path:
    """Make the folder of a device: ``driver`` is its version, ``broken`` cores give "nan" or "noise"."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cores").write_text(f"{cores}\n")
    if driver:
        (folder / "driver").write_text(f"{driver}\n")
    lines = "".join(f"{core} {how}\n" for core, how in (broken or {}).items())
    (folder / "broken").write_text(lines)
    return folder


def run(
    snippet: str, env: dict[str, str], timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run Python code in a pod and return what it printed."""
    command = [sys.executable, "-W", "ignore", "-c", snippet]
    return subprocess.run(
        command, env=env, capture_output=True, text=True, timeout=timeout, check=False
    )
