"""Processes that have the stand-in for torch-neuron on their path: a pod on an Inf1 node, or one without a device."""

import json
import os
import subprocess
import sys
from pathlib import Path

FAKES = Path(__file__).parent
NEURON = FAKES / "neuron"
PYPI_STUB = FAKES / "neuron_pypi_stub"

_START = (
    "import json, os, torch\nimport neuron_cases as cases\ntorch.set_num_threads(1)\nsaid = {}\n"
)
_MARK = "SAID"


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
    folder: Path,
    cores: int = 4,
    *,
    memory: int | None = None,
    driver: str | None = None,
    broken: dict[int, str] | None = None,
) -> Path:
    """Make the folder of a device: ``memory`` in bytes a core; ``broken`` cores give "nan" or "noise"."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cores").write_text(f"{cores}\n")
    for name, value in (("memory", memory), ("driver", driver)):
        if value is not None:
            (folder / name).write_text(f"{value}\n")
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


def report(snippet: str, env: dict[str, str]) -> dict[str, object]:
    """Run code that fills ``said`` with what JSON can hold; return that, and "stdout" and "stderr".

    Raises:
        AssertionError: the pod ended with an error.
    """
    paths = os.pathsep.join([env["PYTHONPATH"], str(FAKES)])
    end = f"print('\\n{_MARK}' + json.dumps(said))"
    done = run(f"{_START}{snippet}\n{end}", env | {"PYTHONPATH": paths})
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith(_MARK)]
    said = json.loads(lines[-1].removeprefix(_MARK))
    return said | {"stdout": done.stdout, "stderr": done.stderr}
