"""A machine that stands in for a cluster: a Job's and a Deployment's containers run as processes of this one.

It keeps Kubernetes objects and gives them the status that controllers and a kubelet would, as far as the operator
looks at it, so that observe, plan, render and status are the operator's own. A Deployment has one replica here.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from tracedmodel_api.request import SHARE_VARIABLE
from tracedmodel_operator.moments import spell
from tracedmodel_operator.names import ARTIFACT, JOB_NAME
from tracedmodel_operator.observe import Observation, observe
from tracedmodel_operator.plan import Plan
from tracedmodel_operator.processes import Process, stop

Document = dict[str, Any]


class LocalCluster:
    """Kubernetes, as far as one resource on one machine needs it. Close it to stop all that it started.

    ``quiet`` keeps the exporter's progress from the terminal.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._folder = Path(tempfile.mkdtemp(prefix="tracedmodel-"))
        self._objects: dict[tuple[str, str], Document] = {}
        self._applied: dict[tuple[str, str], Mapping[str, Any]] = {}
        self._processes: list[Process] = []
        self._started = 0

    def observe(self) -> Observation:
        """Bring every status up to date and return the snapshot."""
        for process in self._processes:
            process.update()
        for item in self._objects.values():
            if item["kind"] == "Job":
                self._update_job(item)
            elif item["kind"] == "Deployment":
                self._update_deployment(item)
        pods = [process.pod for process in self._processes]
        return observe([*self._objects.values(), *pods], datetime.now(timezone.utc))

    def carry_out(self, plan: Plan) -> None:
        """Make the plan so."""
        for kind, name in plan.delete:
            self._objects.pop((kind, name), None)
            self._applied.pop((kind, name), None)
            self._end(JOB_NAME, name)
        for child in (*plan.create, *plan.apply):
            self._apply(child)

    def last_words(self) -> str:
        """Return the ends of the logs of servers that failed."""
        return "\n".join(filter(None, (process.last_words() for process in self._processes)))

    def close(self) -> None:
        """Stop every process as a kubelet would, and remove what they wrote."""
        stop(self._processes)
        self._processes.clear()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _apply(self, child: Mapping[str, Any]) -> None:
        key = (child["kind"], child["metadata"]["name"])
        if self._applied.get(key) == child:
            return
        before = self._objects.get(key)
        moment = before["metadata"]["creationTimestamp"] if before else _now()
        self._applied[key] = child
        self._objects[key] = {
            **child,
            "metadata": {**child["metadata"], "creationTimestamp": moment},
        }
        if child["kind"] == "Job":
            self._start_job(child["spec"], key[1])
        elif child["kind"] == "Deployment":
            for process in list(self._processes):
                self._end(ARTIFACT, process.pod["metadata"]["annotations"].get(ARTIFACT))
            self._start(child["spec"]["template"], {}, {})

    def _start_job(self, spec: Mapping[str, Any], name: str) -> None:
        indexed = spec.get("completionMode") == "Indexed"
        for index in range(spec["completions"]):
            variables = {SHARE_VARIABLE: str(index)} if indexed else {}
            self._start(spec["template"], {JOB_NAME: name}, variables)

    def _start(
        self, template: Mapping[str, Any], labels: dict[str, str], variables: dict[str, str]
    ) -> None:
        """Start a pod of a template, with labels and variables that its controller adds."""
        metadata = template["metadata"]
        (container,) = template["spec"]["containers"]
        added = [{"name": name, "value": value} for name, value in variables.items()]
        container = {**container, "env": [*container["env"], *added]}
        self._started += 1
        pod = {
            "kind": "Pod",
            "metadata": {
                "name": f"pod-{self._started}",
                "labels": {**metadata["labels"], **labels},
                "annotations": dict(metadata.get("annotations") or {}),
            },
            "spec": {**template["spec"], "containers": [container]},
        }
        maps = {name: item for (kind, name), item in self._objects.items() if kind == "ConfigMap"}
        folder = self._folder / f"pod-{self._started}"
        self._processes.append(Process(pod, folder, maps, quiet=self._quiet))

    def _end(self, key: str, value: str | None) -> None:
        """Stop and forget the pods that carry a label or an annotation."""
        found = [p for p in self._processes if value is not None and _mark(p, key) == value]
        stop(found)
        self._processes = [process for process in self._processes if process not in found]

    def _update_job(self, job: Document) -> None:
        name = job["metadata"]["name"]
        codes = [p.exit_code() for p in self._processes if _mark(p, JOB_NAME) == name]
        if "status" in job or None in codes:
            return
        kind = "Failed" if any(codes) else "Complete"
        condition = {"type": kind, "status": "True", "lastTransitionTime": _now()}
        job["status"] = {"conditions": [condition]}

    def _update_deployment(self, deployment: Document) -> None:
        artifact = deployment["metadata"]["annotations"][ARTIFACT]
        own = [process for process in self._processes if _mark(process, ARTIFACT) == artifact]
        ready = sum(process.is_ready() for process in own)
        deployment["status"] = {
            "replicas": len(own),
            "updatedReplicas": len(own),
            "readyReplicas": ready,
            "availableReplicas": ready,
        }


def _mark(process: Process, key: str) -> str | None:
    metadata = process.pod["metadata"]
    found: str | None = {**metadata["labels"], **metadata["annotations"]}.get(key)
    return found


def _now() -> str:
    return spell(datetime.now(timezone.utc), "microseconds")
