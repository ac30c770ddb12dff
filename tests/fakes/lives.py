"""A whole life of a resource, chapter by chapter, lived with an operator that something befalls."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from apiserver import Faults
from operated import KEY, Operated
from resources import COMMIT
from tracedmodel_operator.kinds import CHILDREN, TRACED_MODEL

_OTHER = "d" * 40
_MOMENT = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
_IDENTITIES = {
    "uid",
    "clusterIP",
    "clusterIPs",
    "resourceVersion",
    "managedFields",
    "generation",
    "observedGeneration",
}


def create(operated: Operated) -> None:
    operated.apply({"serving": {"replicas": 2}})
    operated.persist()


def add_a_bucket(operated: Operated) -> None:
    buckets = [{"batchSize": 1, "sequenceLength": 32}, {"batchSize": 4, "sequenceLength": 64}]
    operated.apply({"export": {"buckets": buckets}})
    operated.persist()


def change_the_model(operated: Operated) -> None:
    operated.apply({"model": {"revision": _OTHER}})
    operated.persist()


def go_back(operated: Operated) -> None:
    operated.apply({"model": {"revision": COMMIT}})
    operated.persist()


def delete(operated: Operated) -> None:
    operated.cluster.delete(TRACED_MODEL, *KEY)
    operated.persist()


LIFE: tuple[Callable[[Operated], None], ...] = (
    create,
    add_a_bucket,
    change_the_model,
    go_back,
    delete,
)


def one_live_job(operated: Operated) -> None:
    assert len(operated.live_jobs()) <= 1


def live(
    at: int | None = None,
    *,
    after: bool = False,
    until: int = len(LIFE),
    faults: Faults | None = None,
) -> Operated:
    """Go through a life, with faults, or with an operator that is killed at a request, counted from the first."""
    operated = Operated(faults=faults)
    operated.checks.append(one_live_job)
    operated.doom(at, after=after)
    for chapter in LIFE[:until]:
        chapter(operated)
    return operated


def remains(operated: Operated) -> Any:
    """What there is in the end, without times and identities, which no two lives share."""
    found = [operated.cluster.objects(kind) for kind in (TRACED_MODEL, *CHILDREN)]
    return [[_lasting(item) for item in items] for items in found]


def _lasting(value: Any) -> Any:
    if isinstance(value, dict):
        kept = (key for key in value if key not in _IDENTITIES and "uid" not in key)
        return {key: _lasting(value[key]) for key in kept}
    if isinstance(value, list):
        return [_lasting(item) for item in value]
    return "some time" if isinstance(value, str) and _MOMENT.match(value) else value
