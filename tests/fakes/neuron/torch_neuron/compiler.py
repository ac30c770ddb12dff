"""The call of neuron-cc, with everything around it real but the compiling."""

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from torch_neuron.log import logger
from torch_neuron.neff import Head
from torch_neuron.options import Options, UnknownOptionError, parse

MISSING = (
    "Please check that neuron-cc is installed and working properly. You can install neuron-cc using "
    "'python3 -m pip install neuron-cc[tensorflow] -U "
    "--extra-index-url=https://pip.repos.neuron.amazonaws.com'"
)
_KILLED = -9


class CompilationError(subprocess.SubprocessError):
    """neuron-cc ended with an error; the subgraph then runs on the CPU."""


@dataclass(frozen=True)
class Compiler:
    """neuron-cc with its arguments."""

    args: list[str]
    timeout: float | None
    workdir: Path

    @classmethod
    def at(cls, args: list[str], timeout: float | None, workdir: str | None) -> "Compiler":
        """Return a compiler that works in a folder, by default a temporary one."""
        return cls(args, timeout, Path(workdir or tempfile.mkdtemp()))

    def options(self, index: int, io_config: dict[str, object]) -> Options:
        """Start the compile of a subgraph: refuse its command line, or say what it makes of the graph.

        Raises:
            RuntimeError: neuron-cc is not installed.
            CompilationError: neuron-cc refuses an option.
        """
        if os.environ.get("TORCH_NEURON_EMULATE_NO_NEURON_CC") == "1":
            raise RuntimeError(MISSING)
        command = self.command(index, io_config)
        logger.info("Compiling with command line: '%s'", command)
        try:
            return parse(self.args)
        except UnknownOptionError as error:
            (self._folder(index) / "graph_def.neuron-cc.log").write_text(f"neuron-cc: {error}\n")
            raise self._failed(index, io_config) from error

    def finish(self, index: int, io_config: dict[str, object], head: Head, code: bytes) -> None:
        """Take the time and the memory that the environment says a compile takes, and leave the files.

        Raises:
            subprocess.TimeoutExpired: the compile takes longer than the timeout.
            CompilationError: the compiler was killed for its memory.
        """
        folder = self._folder(index)
        log = folder / "graph_def.neuron-cc.log"
        seconds = float(os.environ.get("TORCH_NEURON_EMULATE_COMPILE_SECONDS", "0"))
        if self.timeout is not None and seconds > self.timeout:
            log.write_text("")
            raise subprocess.TimeoutExpired(self.command(index, io_config), self.timeout)
        if os.environ.get("TORCH_NEURON_EMULATE_COMPILER_OOM") == "1":
            log.write_text("")
            logger.info("Compile command returned: %s", _KILLED)
            raise self._failed(index, io_config)
        (folder / "graph_def.pb").write_bytes(code)
        (folder / "graph_def.neff").write_bytes(json.dumps(head.version).encode() + code)
        log.write_text(f"neuron-cc {' '.join(self.args)}\nCompiler status PASS\n")
        print("." * int(seconds // 20) + "\nCompiler status PASS", flush=True)  # noqa: T201

    def command(self, index: int, io_config: dict[str, object]) -> str:
        """Return the command line as the log shows it."""
        folder = self.workdir / str(index)
        return (
            f"neuron-cc compile {folder}/graph_def.pb --framework TENSORFLOW --pipeline compile "
            f"SaveTemps --output {folder}/graph_def.neff --io-config {json.dumps(io_config)} "
            f"{' '.join(['--verbose 35', *self.args])}"
        )

    def _folder(self, index: int) -> Path:
        folder = self.workdir / str(index)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _failed(self, index: int, io_config: dict[str, object]) -> CompilationError:
        return CompilationError(
            "neuron-cc failed with the following command line call:\n"
            + self.command(index, io_config)
        )
