"""A resource served on this machine: the operator's observe, plan and status, over processes in a cluster's place."""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console

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

_PAUSE = 0.1
_GRACE_SECONDS = 10


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
