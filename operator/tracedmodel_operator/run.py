"""``tracedmodel run``: from a manifest to a served model on this machine, without a cluster."""

from __future__ import annotations

import argparse
import asyncio
import errno
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from urllib.parse import unquote

from rich.console import Console

from tracedmodel_api import manifests
from tracedmodel_api.conditions import BACKING_OFF, EXPORTED, READY, STALLED
from tracedmodel_api.manifest import CARD_FILE, ModelCard
from tracedmodel_api.report import REASONS, Failure
from tracedmodel_api.status import Condition, Status
from tracedmodel_api.store import Store
from tracedmodel_api.types import TracedModel
from tracedmodel_operator import tables
from tracedmodel_operator.local import LocalCluster
from tracedmodel_operator.plan import make_plan
from tracedmodel_operator.processes import client_address
from tracedmodel_operator.proofs import ProofReader, read_proofs
from tracedmodel_operator.settings import Settings, read_settings
from tracedmodel_operator.status import make_status

summary = "export, verify and serve a manifest on this machine, until Ctrl-C"

_PAUSE = 0.1
_GRACE_SECONDS = 10
_MOST_PORT = 65535


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("file", metavar="FILE", type=Path, help="a TracedModel manifest")
    parser.add_argument(
        "--model",
        metavar="PATH",
        type=Path,
        help="a folder with the model, in place of spec.model.source",
    )
    parser.add_argument(
        "--store",
        metavar="URL",
        help="where artifacts are kept, in place of spec.store (default: a folder of your cache)",
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: %(default)s)"
    )
    parser.add_argument(
        "--port",
        type=_port,
        default=8080,
        help="port to listen on, 0 for a free one (default: %(default)s)",
    )


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > _MOST_PORT:
        raise argparse.ArgumentTypeError(
            f"given {text!r}; write a whole number from 0 to {_MOST_PORT}"
        )
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Serve the manifest until told to stop."""
    console = Console(stderr=True, highlight=False)
    resource = read(arguments.file, arguments.model, arguments.store)
    with _stoppable(), served(resource, arguments.host, arguments.port, console) as endpoint:
        console.print(tables.how_to_call(resource, endpoint.url, endpoint.card()), soft_wrap=True)
        console.print("Ctrl-C stops it.")
        endpoint.watch()
    return 0


def read(file: Path, model: Path | None = None, store: str | None = None) -> TracedModel:
    """Return the resource in a file, made to fit this machine: its model, its store, one replica."""
    with manifests.reading(file):
        documents = list(manifests.read_documents(file.read_text(encoding="utf-8")))
        if len(documents) != 1:
            raise Failure(
                "InvalidRequest", f"{file}: write one manifest; {len(documents)} are in it"
            )
        document = documents[0]
        resource = manifests.parse(document)
        if model is not None:
            document["spec"]["model"]["source"] = model.resolve().as_uri()
            document["spec"]["model"].pop("revision", None)
        if store is not None or resource.spec.store is None:
            document["spec"]["store"] = {"url": _store_url(store) if store else _default_store()}
        document["spec"].setdefault("serving", {})["replicas"] = 1
        document["spec"]["serving"].pop("autoscaling", None)
        return manifests.parse(document)


def _default_store() -> str:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return (cache / "tracedmodel" / "store").absolute().as_uri()


def _store_url(store: str) -> str:
    """Return a store as a URL; a path of this machine may have any characters, and need not be absolute."""
    path = store.removeprefix("file://")
    if "://" in path or unquote(path) != path:
        return store
    return Path(path).absolute().as_uri()


@dataclass
class Endpoint:
    """A served model: where it answers, and its status."""

    url: str
    resource: TracedModel
    _loop: _Loop

    @property
    def status(self) -> Status:
        """Return the newest status."""
        return self._loop.status

    def card(self) -> ModelCard:
        """Return what the store says of the served model."""
        spec, artifact = self.resource.spec.store, self.status.artifact
        if spec is None or spec.url is None or artifact is None:
            raise Failure("BlobMissing", "nothing is served from a store")
        store = Store(spec.url)
        files = store.graph_by_digest(artifact.buckets[0].digest).files
        return ModelCard.model_validate_json(store.read(files[CARD_FILE].digest))

    def watch(self) -> None:
        """Return when told to stop; raises Failure if the server ends before."""
        while True:
            self._loop.turn()
            time.sleep(_PAUSE)


@contextmanager
def served(
    resource: TracedModel, host: str, port: int, console: Console, *, quiet: bool = False
) -> Iterator[Endpoint]:
    """Export, verify and serve a resource, and stop everything in the end.

    Raises :class:`~tracedmodel_api.report.Failure` with the reason of whatever ended it.
    """
    port = _free(host, port)
    settings = read_settings().with_(
        file_stores=True,
        serving_host=host,
        serving_port=port,
        hub_cache=None,
        drain_seconds=0,
        grace_seconds=_GRACE_SECONDS,
    )
    cluster = LocalCluster(quiet=quiet)
    try:
        loop = _Loop(resource, settings, cluster, console)
        loop.until_ready()
        console.print(tables.buckets(loop.status))
        yield Endpoint(_url(host, port), resource, loop)
    finally:
        cluster.close()


def _url(host: str, port: int) -> str:
    """Return the URL that a client of this machine uses."""
    address = client_address(host)
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"


def _free(host: str, port: int) -> int:
    """Return the port, or a free one for 0; raises Failure PortInUse before a long export is made for nothing."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            other = "--port" if error.errno == errno.EADDRINUSE else "--host"
            message = (
                f"{host}:{port} cannot be listened on: {error.strerror}; choose another by {other}"
            )
            raise Failure("PortInUse", message) from None
        return int(probe.getsockname()[1])


class _Loop:
    """The operator's loop for one resource: observe, plan, carry out, status."""

    def __init__(
        self, resource: TracedModel, settings: Settings, cluster: LocalCluster, console: Console
    ) -> None:
        self._resource = resource
        self._settings = settings
        self._cluster = cluster
        self._console = console
        self._proofs = ProofReader(read_proofs, settings.serving_port)
        self.status = Status()

    def turn(self) -> None:
        """Go round once; raises Failure where an operator would stall or back off."""
        resource = self._resource.model_copy(update={"status": self.status})
        observation = self._cluster.observe()
        plan = make_plan(resource, observation, self._settings)
        before = self.status
        metadata = resource.metadata
        key = (metadata.namespace, metadata.name)
        proofs = asyncio.run(self._proofs.of(key, observation, plan))
        self.status = make_status(resource, observation, plan, proofs)
        self._demand_progress()
        self._tell(before)
        self._cluster.carry_out(plan)

    def until_ready(self) -> None:
        """Go round until the resource is Ready."""
        while not _is_true(self.status, READY):
            self.turn()
            time.sleep(_PAUSE)

    def _tell(self, before: Status) -> None:
        """Say what changed, in the words of the Ready condition."""
        new, old = _find(self.status, READY), _find(before, READY)
        if new and (old is None or (new.reason, new.message) != (old.reason, old.message)):
            name = self._resource.metadata.name
            self._console.print(
                f"{name}: {new.reason}: {new.message}", soft_wrap=True, markup=False
            )

    def _demand_progress(self) -> None:
        """End with the reason of what went wrong: a person is there to correct it and call again."""
        exported = _find(self.status, EXPORTED)
        stopped = _find(self.status, STALLED)
        backing_off = exported is not None and exported.reason == BACKING_OFF
        failure = self.status.last_failure
        if stopped is None and not backing_off and failure is None:
            return
        reason = failure.reason if failure else stopped.reason if stopped else BACKING_OFF
        message = failure.message if failure else stopped.message if stopped else ""
        log = self._cluster.last_words()
        if log:
            self._console.print(f"the server's log ended:\n{log}", markup=False)
        raise Failure(reason if reason in REASONS else "InternalError", message)


def _find(status: Status, kind: str) -> Condition | None:
    return next((condition for condition in status.conditions if condition.type == kind), None)


def _is_true(status: Status, kind: str) -> bool:
    condition = _find(status, kind)
    return condition is not None and condition.status == "True"


@contextmanager
def _stoppable() -> Iterator[None]:
    """Make SIGINT, SIGTERM and SIGHUP end the block quietly."""
    before = {
        number: signal.signal(number, _stop)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    except _Stopped:
        sys.stderr.write("stopped\n")
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Stopped(Exception):  # noqa: N818  # not an error
    """Someone asked to stop."""


def _stop(_number: int, _frame: FrameType | None) -> None:
    # Asked once is enough: what was started must still be stopped in order.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise _Stopped
