"""What docs/quick-start/kind.md shows of a real cluster, made again but for names, times and figures."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pods
from resources import World, report, row
from screens import snapshot, text_of
from states import document, finished, launched
from tracedmodel_api import manifests
from tracedmodel_api.buckets import Bucket
from tracedmodel_api.report import Report
from tracedmodel_operator.cli.changes import changes
from tracedmodel_operator.cli.engine import Sight
from tracedmodel_operator.cli.foresight import foresee
from tracedmodel_operator.cli.overview import overview
from tracedmodel_operator.cli.progress import progress

FILE = Path(__file__).parents[2] / "examples" / "kind" / "minilm.yaml"
NODE = "lab"
_SET = "minilm-5dcb59f79"
_MADE = "2026-01-02T03:04:05Z"
MORE = {"batchSize": 8, "sequenceLength": 128}
_STEP = re.compile(r"  (?:\w+: (?:\w+ [\d.]+ s|published already)|\w+  [0-9a-f]{12}  error .* ms)$")
_VARIES = re.compile(r"\b(?:minilm|server)-[\w-]+|\b[0-9a-f]{12}\b|\b\d+[smhd]\b|(?<= )-(?= )")


def likeness(text: str) -> str:
    """Return an output without the exporter's lines, what is different in every cluster, and the blanks that follow from it."""
    kept = (line for line in text.splitlines() if not _STEP.match(line))
    return "\n".join(re.sub(r" +", " ", _VARIES.sub("#", line)).rstrip() for line in kept)


def _spec() -> dict[str, Any]:
    (found,) = manifests.read_documents(FILE.read_text(encoding="utf-8"))
    return found["spec"]


def _launched() -> World:
    return launched(**_spec())


def _ready() -> World:
    """The two buckets of the manifest are served by a pod on the node."""
    world = _launched()
    world.export_pod({"phase": "Running"})
    finished(world, _report(_spec()["export"]["buckets"]))
    _serve(world)
    return world


def _report(buckets: list[dict[str, int]]) -> Report:
    return report(rows=tuple(row(Bucket(b["batchSize"], b["sequenceLength"])) for b in buckets))


def _serve(world: World) -> None:
    world.server_pod(pods.READY, NODE)
    world.serve()
    world.settle()
    world.objects["PodDisruptionBudget", "minilm"]["status"] = {"disruptionsAllowed": 1}
    for (kind, name), item in world.objects.items():
        if kind == "Pod":
            item["spec"] = {**item.get("spec", {}), "nodeName": NODE}
        if (kind, name) == ("Pod", f"server-{NODE}"):
            owner = {"kind": "ReplicaSet", "name": _SET, "controller": True}
            item["metadata"]["ownerReferences"] = [owner]


def status() -> str:
    """Return the tree of the model that is ready."""
    owner = {"kind": "Deployment", "name": "minilm", "controller": True}
    below = {
        "kind": "ReplicaSet",
        "metadata": {"name": _SET, "ownerReferences": [owner], "creationTimestamp": _MADE},
        "spec": {"replicas": 1},
        "status": {"readyReplicas": 1},
    }
    return text_of(overview(snapshot(_ready(), below)))


def diff() -> str:
    """Return what one more bucket would come to."""
    world = _ready()
    after = _changed(world)
    knows = Sight(knows_keda=False)
    seen = foresee(world.resource, after.resource, world.observe(), world.settings, knows)
    return text_of(changes(document(world), after.resource, document(after), seen))


def _changed(world: World) -> World:
    after = World(world.resource, world.settings)
    after.objects = world.objects
    after.edit({"export": {"buckets": [*_spec()["export"]["buckets"], MORE]}})
    return after


def first_wait() -> str:
    """Return what is said of the first export and its rollout, without the export's own lines."""
    world = _launched()
    world.turn()
    return _waited(world, _spec()["export"]["buckets"], up=0)


def second_wait() -> str:
    """Return the same of the bucket that came later."""
    world = _changed(_ready())
    world.turn()
    world.turn()
    return _waited(world, [*_spec()["export"]["buckets"], MORE], up=1)


def _waited(world: World, buckets: list[dict[str, int]], up: int) -> str:
    said = [progress(document(world)).told]
    world.finish(_report(buckets))
    world.settle()
    world.serve(up, replicas=1 + up, availableReplicas=up)
    world.turn()
    said.append(progress(document(world)).told)
    _serve(world)
    said.append(progress(document(world)).told)
    return "".join(f"minilm: {text}\n" for text in said)
