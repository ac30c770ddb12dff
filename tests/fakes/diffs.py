"""What ``kubectl tracedmodel diff`` shows of manifests that change who decides on the replicas, or that would stall."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pods
from resources import SETTINGS, World, report, resource
from screens import by_keda_that_works, text_of
from states import autoscaled, document, finished, launched, ready, turned
from tracedmodel_operator.cli.changes import changes
from tracedmodel_operator.cli.engine import UNSEEN, Sight
from tracedmodel_operator.cli.foresight import Foresight, foresee
from tracedmodel_operator.settings import Settings

NOT_TOLD = Settings()
"""The settings of a person who was told none."""
NO_KEDA = Sight(knows_keda=False)
BY_LOAD = {"serving": {"autoscaling": {"minReplicas": 2, "maxReplicas": 9}}}
SEVEN = {"serving": {"replicas": 7, "autoscaling": None}}


def foreseen(
    world: World, change: dict[str, Any], settings: Settings = SETTINGS, sight: Sight = UNSEEN
) -> tuple[World, Foresight]:
    """Return a world with another spec, and what follows from that."""
    after = World(world.resource)
    after.edit(change)
    return after, foresee(world.resource, after.resource, world.observe(), settings, sight)


def diff(
    world: World, change: dict[str, Any], settings: Settings = SETTINGS, sight: Sight = UNSEEN
) -> str:
    """Return what is shown of a change to a resource."""
    after, seen = foreseen(world, change, settings, sight)
    return text_of(changes(document(world), after.resource, document(after), seen))


def diff_of_new(world: World, settings: Settings = NOT_TOLD, sight: Sight = UNSEEN) -> str:
    """Return what is shown of a resource that is not there yet."""
    seen = foresee(None, world.resource, World().observe(), settings, sight)
    return text_of(changes(None, world.resource, document(world), seen))


def served() -> World:
    """A number of replicas is up."""
    world = ready(serving={"replicas": 4})
    world.server_pod(pods.READY)
    return world


def on_four_cores() -> World:
    """A model that is too large for fewer NeuronCores."""
    world = finished(
        launched(target="Inf1", serving={"neuronCores": 4}), report(parameters=1_200_000_000)
    )
    world.serve()
    world.settle()
    return world


def left_behind_by_keda() -> World:
    """The operator was told to use HorizontalPodAutoscalers, and nobody has deleted the ScaledObject."""
    world = by_keda_that_works()
    scaled = world.objects.pop(("ScaledObject", "minilm"))
    world.settings = SETTINGS
    turned(world)
    world.objects["ScaledObject", "minilm"] = scaled
    return world


def by_the_last_engine() -> World:
    """The operator has just been told to use KEDA."""
    world = autoscaled()
    world.server_pod(pods.READY)
    return world


DIFFS: dict[str, Callable[[], str]] = {
    "number-to-hpa": lambda: diff(served(), BY_LOAD, NOT_TOLD, NO_KEDA),
    "number-to-more-by-hpa": lambda: diff(
        ready(), {"serving": {"autoscaling": {"minReplicas": 3, "maxReplicas": 9}}}, sight=NO_KEDA
    ),
    "number-to-something": lambda: diff(served(), BY_LOAD, NOT_TOLD),
    "hpa-to-number": lambda: diff(autoscaled(), SEVEN, NOT_TOLD),
    "hpa-to-another": lambda: diff(
        autoscaled(), {"serving": {"autoscaling": {"minReplicas": 6, "maxReplicas": 12}}}, NOT_TOLD
    ),
    "hpa-to-keda": lambda: diff(by_the_last_engine(), {}, SETTINGS.with_(autoscaling="KEDA")),
    "keda-to-number": lambda: diff(by_keda_that_works(), SEVEN, NOT_TOLD),
    "keda-to-another": lambda: diff(
        by_keda_that_works(), {"serving": {"autoscaling": {"maxReplicas": 12}}}, NOT_TOLD
    ),
    "keda-left-behind": lambda: diff(left_behind_by_keda(), SEVEN, NOT_TOLD),
    "zero-without-keda": lambda: diff(
        ready(),
        {"serving": {"autoscaling": {"minReplicas": 0, "maxReplicas": 9}}},
        NOT_TOLD,
        NO_KEDA,
    ),
    "zero-by-keda": lambda: diff(
        by_keda_that_works(), {"serving": {"autoscaling": {"minReplicas": 0}}}, NOT_TOLD
    ),
    "new-by-load": lambda: diff_of_new(World(resource(BY_LOAD)), sight=NO_KEDA),
    "cores-too-few": lambda: diff(on_four_cores(), {"serving": {"neuronCores": 1}}, NOT_TOLD),
}
