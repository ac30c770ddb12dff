"""A scheduler, kubelets and Neuron's device plugin: pods of the fake cluster run as real processes of this machine.

Each node is a folder of ``neuron_pod.make_device``, or has no device. Each pod has a loopback address of its own, on
which its server listens, so that whoever knows ``podIP`` reaches it on the port of its Deployment. Containers that fail
are started again without back-off, in a folder of their own: what they had in an emptyDir is gone.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import neuron_pod
from apiserver import FakeCluster
from apiserver.commit import stamp
from apiserver.outcomes import End, Ends, Left
from operated import Operated
from tracedmodel_operator.kinds import CONFIG_MAP, POD
from tracedmodel_operator.processes import HOST_VARIABLE, Process, stop

Object = dict[str, Any]
_NEURON_CORE = "aws.amazon.com/neuroncore"
_PAUSE, _SECONDS = 0.05, 120


@dataclass
class Node:
    """A machine. One with a device is tainted, as Inf1 nodes are: it takes pods that ask for NeuronCores, no others."""

    name: str
    device: Path | None = None
    placed: int = 0
    """The number of the last pod that it was given."""
    taken: dict[str, range] = field(default_factory=dict)
    """NeuronCores by the uid of the pod that has them."""

    def free(self, count: int) -> range | None:
        """Return neighbouring NeuronCores that no pod has; None where a pod that asks for so many cannot be."""
        if bool(count) != bool(self.device):
            return None
        total = int((self.device / "cores").read_text()) if self.device else 0
        used = {core for cores in self.taken.values() for core in cores}
        blocks = (range(first, first + count) for first in range(total - count + 1))
        return next((block for block in blocks if not used.intersection(block)), None)

    def variables(self, uid: str) -> dict[str, str]:
        """Return what image and device plugin add to the environment of a pod's container."""
        cores = self.taken[uid]
        visible = {"NEURON_RT_VISIBLE_CORES": f"{cores[0]}-{cores[-1]}"} if cores else {}
        found = neuron_pod.environment(self.device, **visible)
        return {name: value for name, value in found.items() if os.environ.get(name) != value}


@dataclass
class _Container:
    """A pod's container: the run that goes on or ended last."""

    pod: Object
    node: Node
    address: str
    folder: Path
    restarts: int = -1
    process: Process | None = None
    last: Object | None = None
    """How the run before ended."""
    told: Object | None = None
    """The pod's status, as it was written last."""


class Kubelets:
    """Runs the pods of an operated cluster. Close it to stop all that it started."""

    def __init__(self, operated: Operated, folder: Path, *nodes: Node) -> None:
        self.operated = operated
        self._cluster: FakeCluster = operated.cluster
        self._folder = folder
        self._nodes = nodes
        self._placed = 0
        self._containers: dict[str, _Container] = {}
        operated.controllers.servers = lambda _: Left()
        operated.controllers.jobs = self._job

    def until(self, question: Callable[[], bool]) -> None:
        """Let pods run and the operator look until the answer is true."""
        end = time.monotonic() + _SECONDS
        while True:
            self.turn()
            self.operated.settle()
            if question():
                return
            assert time.monotonic() < end, self.operated.cluster.objects(POD)
            time.sleep(_PAUSE)

    def turn(self) -> None:
        """Stop what is not wanted any more, start what is, and tell how everything fares."""
        pods = {pod["metadata"]["uid"]: pod for pod in self._cluster.objects(POD)}
        self._stop([uid for uid in self._containers if uid not in pods])
        for uid, pod in pods.items():
            if uid not in self._containers:
                self._containers[uid] = self._place(pod)
            self._look(self._containers[uid])

    def close(self) -> None:
        """Stop every process."""
        self._stop(list(self._containers))

    def addresses(self) -> list[str]:
        """Return where a Service of all pods would send a client: to those that are ready."""
        statuses = [pod.get("status") or {} for pod in self._cluster.objects(POD)]
        return [status["podIP"] for status in statuses if _is_ready(status)]

    def _stop(self, uids: list[str]) -> None:
        found = [self._containers.pop(uid) for uid in uids]
        stop([container.process for container in found if container.process])
        for uid, container in zip(uids, found, strict=True):
            del container.node.taken[uid]

    def _place(self, pod: Object) -> _Container:
        """Bind a pod to the node with the fewest taken NeuronCores, of several to the one longest without a new pod."""
        count = _cores(pod)
        fit = [node for node in self._nodes if node.free(count) is not None]
        assert fit, f"no node takes {pod['metadata']['name']}"
        node = min(fit, key=lambda node: (sum(map(len, node.taken.values())), node.placed))
        self._placed += 1
        node.placed = self._placed
        name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
        cores = node.free(count)
        assert cores is not None
        node.taken[uid] = cores
        bound = {"spec": {"nodeName": node.name}}
        pod = self._cluster.merge(POD, pod["metadata"]["namespace"], name, bound)
        return _Container(pod, node, f"127.0.0.{self._placed + 1}", self._folder / name)

    def _look(self, container: _Container) -> None:
        """Start what is to run, and write the status; an end is told before the next run begins."""
        ended = _end(container)
        again = ended is not None and container.pod["spec"]["restartPolicy"] != "Never"
        if container.process is None or (again and _state(container) == {"terminated": ended}):
            container.last = ended
            self._start(container)
            ended = None
        status = _status(container, ended, stamp(self.operated.now))
        if status != container.told:
            container.told = status
            metadata = container.pod["metadata"]
            self._cluster.put_status(POD, metadata["namespace"], metadata["name"], status)

    def _start(self, container: _Container) -> None:
        container.restarts += 1
        variables = container.node.variables(container.pod["metadata"]["uid"])
        variables |= {HOST_VARIABLE: container.address}
        added = [{"name": name, "value": value} for name, value in variables.items()]
        (template,) = container.pod["spec"]["containers"]
        spec = {
            **container.pod["spec"],
            "containers": [{**template, "env": [*template["env"], *added]}],
        }
        maps = {item["metadata"]["name"]: item for item in self._cluster.objects(CONFIG_MAP)}
        folder = container.folder / str(container.restarts)
        container.process = Process({**container.pod, "spec": spec}, folder, maps, quiet=True)

    def _job(self, job: Object) -> Ends | Left:
        """Return how a Job's pods ended, once all have."""
        uid = job["metadata"]["uid"]
        own = [c for c in self._containers.values() if _owner(c.pod) == uid]
        ends = [_end(container) for container in own]
        if not ends or None in ends:
            return Left()
        return Ends(tuple(End(e["exitCode"], e["reason"], e["message"]) for e in ends if e))


def _owner(pod: Object) -> str:
    return str(pod["metadata"]["ownerReferences"][0]["uid"])


def _cores(pod: Object) -> int:
    (container,) = pod["spec"]["containers"]
    return int(container["resources"]["limits"].get(_NEURON_CORE, 0))


def _is_ready(status: Object) -> bool:
    conditions = status.get("conditions") or ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def _end(container: _Container) -> Object | None:
    """Return how the container ended, or None while it runs or was not started yet."""
    process = container.process
    if process is None or process.exit_code() is None:
        return None
    process.update()
    ended: Object = process.pod["status"]["containerStatuses"][0]["state"]["terminated"]
    return ended


def _state(container: _Container) -> Object | None:
    """Return the state of the container that the cluster knows of."""
    return container.told["containerStatuses"][0]["state"] if container.told else None


def _status(container: _Container, ended: Object | None, now: str) -> Object:
    process, spec = container.process, container.pod["spec"]["containers"][0]
    assert process is not None
    ready = "readinessProbe" in spec and process.is_ready()
    told = {
        "name": spec["name"],
        "image": spec["image"],
        "imageID": "",
        "ready": ready,
        "restartCount": container.restarts,
        "state": {"terminated": ended} if ended else {"running": {"startedAt": now}},
        "lastState": {"terminated": container.last} if container.last else {},
    }
    conditions = {"PodScheduled": True, "Ready": ready}
    return {
        "phase": "Running",
        "podIP": container.address,
        "conditions": [{"type": k, "status": str(v)} for k, v in conditions.items()],
        "containerStatuses": [told],
    }
