"""Exports in processes of their own that are killed at chosen moments, or meet at one: a script for test_resilience.

Everything is imported once; each export is a fork of that, made before torch or obstore have any thread.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from contextlib import contextmanager
from datetime import datetime, timezone
from itertools import count
from pathlib import Path

import torch
import transformers

from tracedmodel_api import cli
from tracedmodel_api.objects import Objects
from tracedmodel_api.store import Store
from tracedmodel_exporter import command, tracing

_ENOUGH = 100


class Watched:
    """Progress that remembers what was traced; every step is a moment to die at, as is every write to the store."""

    def __init__(self, kill_at=None, meet=None):
        self._kill_at = kill_at
        self._meet = meet
        self._moments = 0
        self.traced = []
        self.last = ""

    def moment(self, name):
        self._moments += 1
        self.last = name
        if self._moments == self._kill_at:
            os.write(_TOLD, name.encode())
            os.kill(os.getpid(), signal.SIGKILL)

    @contextmanager
    def step(self, subject, name):
        if name == "trace":
            self.traced.append(subject)
        yield
        self.moment(f"{subject} {name}")

    def expect(self, _):
        pass

    def say(self, _):
        pass

    def close(self):
        pass

    def watch_the_store(self):
        """Count writes and creations, and meet the others before the first creation."""
        write, create = Objects.write, Objects.create

        def watched_write(objects, path, data):
            write(objects, path, data)
            self.moment(f"write {path}")

        def watched_create(objects, path, data):
            meet, self._meet = self._meet, None
            if meet:
                meet()
            made = create(objects, path, data)
            self.moment(f"create {path}")
            return made

        Objects.write, Objects.create = watched_write, watched_create


_TOLD = 2


def _export(request, share, year, watched):
    """Run the command in this process; return its exit code, report and what was traced."""

    class Clock:
        @staticmethod
        def now(_):
            return datetime(year, 1, 1, tzinfo=timezone.utc)

    watched.watch_the_store()
    tracing.datetime = Clock
    command.progress_for = lambda _: watched
    report = Path(tempfile.mkdtemp(), "report")
    os.environ["TRACEDMODEL_REQUEST"] = json.dumps(request)
    os.environ["TRACEDMODEL_REPORT_FILE"] = str(report)
    if share is not None:
        os.environ["JOB_COMPLETION_INDEX"] = str(share)
    code = cli.main(["export"])
    return {"code": code, "report": json.loads(report.read_bytes()), "traced": watched.traced}


def _published(url):
    """Return what is published by bucket: what it lacks, and all that does not depend on who traced it when."""
    store = Store(url)
    graphs = [store.graph(fingerprint) for fingerprint in store.fingerprints()]
    return {
        str(graph.bucket.bucket()): {
            "lacking": [blob.digest for blob in store.lacking(graph)],
            "graph": graph.identity(),
            "facts": _facts(graph.as_json()),
        }
        for graph in graphs
    }


def _facts(manifest):
    # TorchScript numbers its types through a process: a graph's bytes tell how many were traced before it.
    weights = [module["weights"] for module in manifest["modules"]]
    return {**manifest, "created": None, "modules": weights}


def _fork(work):
    """Run ``work`` in a fork; return its process and where its result is read from."""
    read, write = os.pipe()
    process = os.fork()
    if process:
        os.close(write)
        return process, read
    global _TOLD  # noqa: PLW0603  # one a process
    _TOLD = write
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.write(write, json.dumps(work()).encode())
    finally:
        os._exit(0)


def _result(process, read):
    with open(read, "rb") as file:  # noqa: PTH123  # a descriptor
        told = file.read().decode()
    return os.waitpid(process, 0)[1], told


def kill_everywhere(request):
    """Yield what became of an export that was killed at its n-th moment and started again, for each n."""
    for number in range(1, _ENOUGH):
        own = {**request, "storeUrl": f"{request['storeUrl']}/{number}"}

        def killed(own=own, number=number):
            return _export(own, None, 2001, Watched(number))

        def restarted(own=own):
            before = _published(own["storeUrl"])
            return {"before": before, **_export(own, None, 2001, Watched())}

        status, told = _result(*_fork(killed))
        if not os.WIFSIGNALED(status):
            yield {"died": None, **json.loads(told), "after": json.loads(_looked(own["storeUrl"]))}
            return
        _, again = _result(*_fork(restarted))
        yield {"died": told, **json.loads(again), "after": json.loads(_looked(own["storeUrl"]))}


def _looked(url):
    return _result(*_fork(lambda: _published(url)))[1]


def together(requests):
    """Yield the results of exports (request, share) that create their first manifest at the same moment."""
    arrived, told = os.pipe()
    released, release = os.pipe()
    running = []
    for (request, share), year in zip(requests, count(2001), strict=False):

        def meet():
            os.write(told, b".")
            os.close(release)
            os.read(released, 1)

        def work(request=request, share=share, year=year):
            return _export(request, share, year, Watched(meet=meet))

        running.append(_fork(work))
    waiting = len(running)
    while waiting:
        waiting -= len(os.read(arrived, waiting))
    os.close(release)
    for process, read in running:
        yield json.loads(_result(process, read)[1])
    yield {"after": json.loads(_looked(requests[0][0]["storeUrl"]))}


def _warm_up():
    """Import what the first export would."""
    torch.set_num_threads(1)
    for name in ("AutoModelForSequenceClassification", "BertForSequenceClassification"):
        getattr(transformers, name)
    transformers.AutoTokenizer.from_pretrained(sys.argv[3])
    transformers.AutoConfig.from_pretrained(sys.argv[3])


if __name__ == "__main__":
    _warm_up()
    action = {"kill": kill_everywhere, "together": together}[sys.argv[1]]
    for result in action(json.loads(sys.argv[2])):
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()
