"""The outputs that docs/cli.md shows, by the command that stands above each."""

from __future__ import annotations

from collections.abc import Callable

import pods
from resources import NOW, SETTINGS, World
from screens import SCREENS, in_a_namespace_of_many, text_of
from states import document, ready
from tracedmodel_operator.cli.changes import changes
from tracedmodel_operator.cli.foresight import foresee
from tracedmodel_operator.cli.overview import overview, table
from tracedmodel_operator.cli.shapes import shapes
from tracedmodel_operator.cli.shelf import shelf


def diff() -> str:
    """Return what a bucket and more CPU come to."""
    world = ready()
    world.server_pod(pods.READY)
    after = World(world.resource)
    buckets = [{"batchSize": b, "sequenceLength": s} for b, s in ((1, 32), (8, 128), (4, 64))]
    after.edit({"export": {"buckets": buckets}, "serving": {"resources": {"cpu": "4"}}})
    seen = foresee(world.resource, after.resource, world.observe(), SETTINGS)
    return text_of(changes(document(world), after.resource, document(after), seen))


SHOWN: dict[str, Callable[[], str]] = {
    "status": lambda: text_of(table(in_a_namespace_of_many(), NOW)),
    "status minilm": lambda: text_of(overview(SCREENS["proof-failed"]())),
    "buckets minilm": lambda: text_of(shapes(ready().resource.status, {"1x32": 0.25})),
    "artifacts minilm": lambda: text_of(shelf(SCREENS["rolled-back"]())),
    "diff minilm.yaml": diff,
}
