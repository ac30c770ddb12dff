"""A real ``tracedmodel serve`` in a process of its own."""

import contextlib
import functools
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

MODEL = "tiny"
PROGRAM = ("-m", "tracedmodel_server")
FAULTY = (str(Path(__file__).with_name("faulty_server.py")),)
_SECONDS = 120


class Asking:
    """Asks the server that ``client`` reaches."""

    def infer(self, *texts, **document):
        """Send texts by the Open Inference Protocol."""
        tensor = {"name": "text", "datatype": "BYTES", "shape": [len(texts)], "data": list(texts)}
        return self.client.post(f"/v2/models/{MODEL}/infer", json={"inputs": [tensor], **document})

    def predict(self, *instances, **document):
        """Send instances by KServe's first protocol."""
        body = {"instances": list(instances), **document}
        return self.client.post(f"/v1/models/{MODEL}:predict", json=body)

    def metric(self, name):
        """Return the value of a metric, its labels in the name."""
        lines = self.client.get("/metrics").text.splitlines()
        values = [line.rpartition(" ")[2] for line in lines if line.rpartition(" ")[0] == name]
        return float(values[0]) if values else 0.0


class Served(Asking):
    """The process, its log, and a client for its address."""

    def __init__(self, process, log, report):
        self.process = process
        self.log = log
        self.report = report
        self.port = None
        self.client = None

    def listen(self):
        """Wait until the server says where it listens."""
        lines = until(lambda: [e for e in self.events() if e["message"] == "listening"], self)
        self.port = lines[0]["port"]
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = httpx.Client(base_url=self.url, timeout=60)
        return self

    def ready(self):
        """Wait until the server is ready."""
        until(self.is_ready, self)
        return self

    def is_ready(self):
        """Ask the readiness probe; a server that has just ended is not ready."""
        try:
            return self.client.get("/v2/health/ready").status_code == 200
        except httpx.TransportError:
            return False

    def events(self):
        """Return the log so far."""
        lines = self.log.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def memory(self):
        """Return the resident bytes of the process."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024

    def connect(self):
        """Return a connection of its own."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=_SECONDS)

    def terminate(self):
        """Send SIGTERM and return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(_SECONDS)


def until(question, served=None, seconds=_SECONDS):
    """Ask until the answer is true, and return it; fails when the process ends or the time is over."""
    end = time.monotonic() + seconds
    while not (answer := question()):
        if served is not None and served.process.poll() is not None:
            raise AssertionError(f"the server ended: {served.log.read_text()}")
        assert time.monotonic() < end, served.log.read_text() if served else "it did not happen"
        time.sleep(0.01)
    return answer


def bound_files(count):
    """Let this process open no more than ``count`` files."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))


@contextlib.contextmanager
def starting(artifact, folder, program=PROGRAM, files=None, pod=None, **settings):
    """Start a server on a free port; ``settings`` go into its environment, ``files`` bounds how many it may open.

    ``pod`` is the environment that it has otherwise.
    """
    report, log = folder / "report.json", folder / "serve.log"
    chosen = {
        "model_name": MODEL,
        "store_url": artifact.store.url,
        "index_file": artifact.index_file,
        "host": "127.0.0.1",
        "port": 0,
        "threads": 1,
        "drain_seconds": 0,
        "log_format": "json",
        "report_file": report,
        **settings,
    }
    variables = {f"TRACEDMODEL_{name.upper()}": str(value) for name, value in chosen.items()}
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", *program],
            env={**(pod or os.environ), **variables},
            stderr=errors,
            preexec_fn=files and functools.partial(bound_files, files),  # noqa: PLW1509  # one thread
        )
    served = Served(process, log, report)
    try:
        yield served
    finally:
        if served.client is not None:
            served.client.close()
        process.kill()
        process.wait()


@contextlib.contextmanager
def serving(artifact, folder, **settings):
    """Start a server and wait until it is ready."""
    with starting(artifact, folder, **settings) as served:
        yield served.listen().ready()


def ended(artifact, folder, **settings):
    """Run a server that ends by itself; return its exit code and its report's bytes."""
    with starting(artifact, folder, **settings) as served:
        code = served.process.wait(_SECONDS)
        return code, served.report.read_bytes()
