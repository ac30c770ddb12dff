"""A pod's one container as a process of this machine: started, probed, stopped and read as a kubelet would."""

from __future__ import annotations

import ctypes
import http.client
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Document = dict[str, Any]

_PROGRAM = {"tracedmodel": [sys.executable, "-m", "tracedmodel_api"]}
HOST_VARIABLE = "TRACEDMODEL_HOST"
"""Where a server listens: a pod has an address of its own, a process is told."""
_EVERY_ADDRESS = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # what they mean for a client
_PROBE_SECONDS = 2.0
_STOP_MARGIN = 5.0
_PR_SET_PDEATHSIG = 1
_DEFAULT_GRACE = 30
_LOG_TAIL = 2048
"""The kubelet takes this much of a log where a failed container left no message."""


class Process:
    """A running or ended container. Its volumes are folders below ``folder``, which must not exist yet."""

    def __init__(
        self, pod: Document, folder: Path, config_maps: Mapping[str, Document], *, quiet: bool
    ) -> None:
        self.pod = pod
        container = pod["spec"]["containers"][0]
        folder.mkdir(parents=True)
        self._report = folder / "termination-log"
        self._report.touch()
        self._log = folder / "log" if "ports" in container else None
        places = _volumes(pod["spec"], folder, config_maps)
        places[container["terminationMessagePath"]] = str(self._report)
        variables = {v["name"]: _substitute(v["value"], places) for v in container["env"]}
        self._address = client_address(variables.get(HOST_VARIABLE, ""))
        self._popen = _spawn(container["command"], variables, self._log, quiet=quiet)

    def exit_code(self) -> int | None:
        """Return the exit code as a kubelet tells it, or None while it runs."""
        code = self._popen.poll()
        return 128 - code if code is not None and code < 0 else code

    def update(self) -> None:
        """Write how the container ended into the pod's status."""
        code = self.exit_code()
        if code is None:
            return
        message = self._report.read_text(encoding="utf-8", errors="replace")
        if code and not message and self._log:
            message = self._log.read_text(encoding="utf-8", errors="replace")[-_LOG_TAIL:]
        word = "Error" if code else "Completed"
        ended = {"exitCode": code, "reason": word, "message": message}
        self.pod["status"] = {"containerStatuses": [{"state": {"terminated": ended}}]}

    def is_ready(self) -> bool:
        """Ask what the readiness probe asks, and write the answer into the pod's status."""
        if self.exit_code() is not None:
            return False
        ready = self._answers()
        told = {"type": "Ready", "status": str(ready)}
        self.pod["status"] = {"podIP": self._address, "conditions": [told]}
        return ready

    def _answers(self) -> bool:
        container = self.pod["spec"]["containers"][0]
        port = container["ports"][0]["containerPort"]
        # A kubelet asks the pod itself: no proxy of the environment stands between.
        asked = http.client.HTTPConnection(self._address, port, timeout=_PROBE_SECONDS)
        try:
            asked.request("GET", container["readinessProbe"]["httpGet"]["path"])
            return asked.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            asked.close()

    def last_words(self) -> str:
        """Return the end of the log of a server that failed."""
        if self._log is None or not self.exit_code():
            return ""
        return self._log.read_text(encoding="utf-8", errors="replace")[-_LOG_TAIL:].strip()

    def terminate(self) -> None:
        """Ask the process to stop."""
        if self._popen.poll() is None:
            self._popen.send_signal(signal.SIGTERM)

    def join(self) -> None:
        """Wait for as long as the pod's grace period, then kill."""
        grace = self.pod["spec"].get("terminationGracePeriodSeconds", _DEFAULT_GRACE)
        try:
            self._popen.wait(grace + _STOP_MARGIN)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()


def _volumes(spec: Document, folder: Path, config_maps: Mapping[str, Document]) -> dict[str, str]:
    """Make the pod's volumes and return which folder stands for which mount path."""
    made: dict[str, Path] = {}
    for volume in spec["volumes"]:
        made[volume["name"]] = place = folder / volume["name"]
        place.mkdir()
        if "configMap" in volume:
            for name, text in config_maps[volume["configMap"]["name"]]["data"].items():
                (place / name).write_text(text, encoding="utf-8")
    mounts = spec["containers"][0]["volumeMounts"]
    return {mount["mountPath"]: str(made[mount["name"]]) for mount in mounts}


def _substitute(value: str, places: Mapping[str, str]) -> str:
    """Return a variable's value with the mount path that it begins with replaced by the folder that stands for it."""
    for path, place in places.items():
        if value == path or value.startswith(f"{path}/"):
            return place + value.removeprefix(path)
    return value


def client_address(host: str) -> str:
    """Return the address that a client of this machine uses for the one that a server listens on."""
    return _EVERY_ADDRESS.get(host, host)


def _die_with_parent() -> None:
    """Ask Linux to stop this process when the one that started it is gone, however it went."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _spawn(
    command: list[str], variables: dict[str, str], log: Path | None, *, quiet: bool
) -> subprocess.Popen[bytes]:
    """Start in a session of its own: Ctrl-C is for the one who started it, who then stops it in order."""
    program = _PROGRAM.get(command[0], command[:1])
    with (log or Path(os.devnull)).open("wb") as output:
        return subprocess.Popen(  # noqa: S603  # the rendered command
            [*program, *command[1:]],
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output if log or quiet else None,
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509  # nothing here starts threads before
        )


def stop(processes: list[Process]) -> None:
    """Stop processes together, each with its own patience."""
    for process in processes:
        process.terminate()
    for process in processes:
        process.join()
