"""Every state that a TracedModel can be in, made by the operator's pure core as the operator itself would."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import crd_judge
import pods
from resources import NOW, SETTINGS, World, failed, report, resource
from tracedmodel_api.manifests import InvalidManifest
from tracedmodel_api.types import API_VERSION, KIND
from tracedmodel_operator.observe import Refusal
from tracedmodel_operator.reconcile import read
from tracedmodel_operator.settings import ScalingSettings, Settings
from tracedmodel_operator.status import invalid_status

Document = dict[str, Any]
NO_NODE = "0/3 nodes are available: 3 Insufficient cpu."
QUOTA = "exceeded quota: team, requested: pods=1, used: pods=4, limited: pods=4"
PROVED_WRONG = failed("ProofFailed", "bucket 1x32 is off by 0.2")
OTHER = {"model": {"revision": "d" * 40}}
SUSPEND = {"suspend": True}
PULLING = pods.waiting("ImagePullBackOff", 'Back-off pulling image "server:9"')
NO_SECRET = pods.waiting("CreateContainerConfigError", 'secret "hub" not found')


def document(world: World) -> Document:
    """Return the resource as an API server keeps it."""
    kept = world.resource.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {**kept, "apiVersion": API_VERSION, "kind": KIND}


def unseen() -> Document:
    """Return a resource that no operator saw, with the defaults of the definition."""
    manifest = document(World())
    del manifest["status"]
    return crd_judge.completed(manifest)


def with_invalid_spec(before: Document) -> Document:
    """Return a resource whose spec was replaced by one that the operator does not understand."""
    generation = before["metadata"]["generation"] + 1
    item = {
        **before,
        "metadata": {**before["metadata"], "generation": generation},
        "spec": {**before["spec"], "target": "Inf9"},
    }
    try:
        read(item)
    except InvalidManifest as error:
        return {**item, "status": invalid_status(item, error, NOW)}
    raise AssertionError("the spec is valid")


def deleting(before: Document) -> Document:
    """Return a resource that was deleted, and whose finalizers are at work."""
    moment = "2026-01-02T03:04:05Z"
    return {**before, "metadata": {**before["metadata"], "deletionTimestamp": moment}}


def launched(settings: Settings = SETTINGS, **spec: Any) -> World:
    """A first Job was just launched."""
    world = World(resource(spec), settings)
    world.turn()
    return world


def exporting(status: Mapping[str, Any] | None = None, **spec: Any) -> World:
    """The first Job runs, or its pod is as its status says."""
    world = launched(**spec)
    if status is not None:
        world.export_pod(dict(status))
    world.turn()
    return world


def ended(*ends: pods.End, **spec: Any) -> World:
    """The first Job failed, or did not tell what it made."""
    world = launched(**spec)
    world.finish(*ends)
    world.turn()
    return world


def past_export_deadline(status: Mapping[str, Any] | None = None) -> World:
    """The first Job took too long."""
    world = launched()
    if status is not None:
        world.export_pod(dict(status))
    sentence = "Job was active longer than specified deadline"
    world.end_job("Failed", reason="DeadlineExceeded", message=sentence)
    world.turn()
    return world


def rolling(*changes: Any, world: World | None = None) -> World:
    """A first artifact is being rolled out; ``changes`` are statuses of its server's pod."""
    world = finished(world or launched(), report())
    world.serve(ready=0)
    for number, status in enumerate(changes):
        world.server_pod(status, f"node-{number + 1}")
    world.settle()
    return world


def ready(**spec: Any) -> World:
    """Everything is as wanted."""
    world = finished(launched(**spec), report())
    world.serve(ready=world.deployment()["spec"]["replicas"])
    world.settle()
    return world


def edited(world: World, change: dict[str, Any]) -> World:
    """The spec was changed, and the operator did all that it could do about it."""
    world.edit(change)
    world.settle()
    return world


def requested(world: World) -> World:
    """Another try was asked for."""
    world.edit({}, annotations={"tracedmodel.dev/requested-at": "again"})
    world.settle()
    return world


def remade(*statuses: Mapping[str, Any]) -> World:
    """A second artifact is rolled out beside the first; ``statuses`` are those of its servers."""
    world = finished(edited(ready(), OTHER), report(revision="d" * 40))
    world.serve(ready=1, replicas=2, updatedReplicas=1)
    for number, status in enumerate(statuses):
        world.server_pod(dict(status), f"node-{number + 1}")
    world.turn()
    return world


def rolled_back(*statuses: Mapping[str, Any]) -> World:
    """A second artifact could not be proved, and the first serves again."""
    world = remade(*statuses)
    world.settle()
    world.serve(ready=1)
    for key in [key for key in world.objects if key[0] == "Pod" and key[1].startswith("server")]:
        del world.objects[key]
    world.settle()
    return world


def queued() -> World:
    """A second rollout waits for others to end."""
    world = ready()
    world.rollouts_elsewhere = world.settings.max_concurrent_rollouts
    return edited(world, {"serving": {"resources": {"cpu": "4"}}})


def refused(world: World, kind: str, name: str, reason: str, message: str) -> World:
    """The API server did not take a child."""
    world.objects.pop((kind, name), None)
    world.refusals = (Refusal((kind, name), reason, message),)
    world.turn()
    return world


def stuck(world: World, kind: str, status: str, reason: str, message: str = "") -> World:
    """The Deployment tells of a rollout that it does not get on with."""
    told = {"type": kind, "status": status, "reason": reason, "message": message}
    world.serve(ready=0, conditions=[told])
    world.settle()
    return world


def past_rollout_deadline(*statuses: Mapping[str, Any]) -> World:
    """A first rollout made no progress for too long."""
    return stuck(rolling(*statuses), "Progressing", "False", "ProgressDeadlineExceeded")


def pods_not_created() -> World:
    """A quota lets no server in."""
    return stuck(rolling(), "ReplicaFailure", "True", "FailedCreate", QUOTA)


def turned(world: World) -> World:
    """The operator looked once more."""
    world.turn()
    return world


def without_store():
    return turned(World(settings=Settings()))


def on_whole_chips():
    settings = SETTINGS.with_(neuron_resource="aws.amazon.com/neuron")
    return turned(World(resource({"target": "Inf1"}), settings))


def too_large_for_its_core():
    world = launched(target="Inf1")
    world.finish(report(parameters=800_000_000))
    return turned(turned(world))


def disagreeing():
    others = report(revision="d" * 40)
    return ended(report(), others, export={"parallelism": 2})


def deployment_refused(reason):
    world = refused(rolling(), "Deployment", "minilm", reason, QUOTA)
    world.objects.pop(("Deployment", "minilm"))
    return turned(world)


def replaced_in_place():
    world = ready(serving={"rollout": {"strategy": "InPlace"}})
    world.serve(ready=0)
    return turned(world)


def finished(world, *ends):
    world.finish(*ends)
    world.settle()
    return world


def next_export_failed():
    return finished(edited(ready(), OTHER), failed("NotFinite"))


def suspended_before_its_rollout():
    return finished(edited(exporting(), SUSPEND), report())


def autoscaled(up=4):
    world = ready(serving={"autoscaling": {"maxReplicas": 9}})
    world.deployment()["spec"]["replicas"] = 4
    world.serve(ready=up)
    return turned(world)


def scaled_to_zero():
    settings = SETTINGS.with_(
        autoscaling="KEDA", scaling=ScalingSettings(demand_query="sum(asked)")
    )
    scaling = {"minReplicas": 0, "maxReplicas": 9}
    world = finished(launched(settings, serving={"autoscaling": scaling}), report())
    world.serve()
    world.deployment()["spec"]["replicas"] = 0
    world.serve(ready=0)
    return turned(world)


def to_be_scaled_to_zero_without_keda():
    return edited(ready(), {"serving": {"autoscaling": {"minReplicas": 0, "maxReplicas": 9}}})


def given_up_by_its_autoscaler():
    """The spec has a number again, and the autoscaler is not gone yet."""
    world = autoscaled()
    leaving = {"deletionTimestamp": "2026-01-02T03:04:05Z"}
    world.objects["HorizontalPodAutoscaler", "minilm"]["metadata"] |= leaving
    world.edit({"serving": {"replicas": 2, "autoscaling": None}})
    return turned(world)


def suspended_after_a_passing_failure():
    world = edited(ended(failed("StoreUnreachable")), SUSPEND)
    world.later(1000)
    return turned(world)


def changed_but_unseen():
    world = ready()
    world.edit(OTHER)
    return world
