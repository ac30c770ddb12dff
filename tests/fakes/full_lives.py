"""A life in which the operator has to do everything that it ever does, and tells of it in Events."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import lives
from apiserver.outcomes import Runs, exports
from moods import SERVERS, Servers
from operated import KEY, Operated
from resources import SETTINGS
from tracedmodel_operator.audience import Chronicle
from tracedmodel_operator.events import Recorder
from tracedmodel_operator.kinds import (
    AUTOSCALER,
    CONFIG_MAP,
    DEPLOYMENT,
    DISRUPTION_BUDGET,
    JOB,
    POD,
    SCALED_OBJECT,
    SERVICE,
    TRACED_MODEL,
    Kind,
)
from tracedmodel_operator.metrics import Metrics
from tracedmodel_operator.names import RENDERED
from tracedmodel_operator.reconcile import Audience


class Told(Operated):
    """Operated, and heard by whoever hears it in a cluster."""

    def audience(self) -> Audience:
        """Return what writes Events."""
        return Chronicle(Recorder(self.kube, "operator", lambda: self.now), Metrics())


def create_where_a_name_is_taken(operated: Operated) -> None:
    """After a life before, somebody has a Job of the name that the next life's first one gets."""
    (job,) = operated.cluster.objects(JOB)
    lives.delete(operated)
    metadata = {name: job["metadata"][name] for name in ("name", "namespace")}
    operated.cluster.create(JOB, {"metadata": metadata, "spec": job["spec"]})
    operated.apply({"serving": {"replicas": 2}})
    operated.settle()
    assert operated.conditions().get("Stalled") == "NameConflict"
    operated.cluster.delete(JOB, metadata["namespace"], metadata["name"])
    operated.persist()


def spoil(operated: Operated, *kinds: Kind) -> None:
    """Somebody changes by hand what the operator made."""
    for kind in kinds:
        for item in operated.cluster.objects(kind):
            metadata = {"annotations": {RENDERED: None}}
            operated.cluster.merge(kind, KEY[0], item["metadata"]["name"], {"metadata": metadata})
    operated.persist()


def spoil_all(operated: Operated) -> None:
    spoil(operated, CONFIG_MAP, SERVICE, DISRUPTION_BUDGET, DEPLOYMENT)


def change_while_it_is_exported(operated: Operated) -> None:
    """What is being exported is not wanted any more."""
    operated.controllers.jobs = lambda _: Runs()
    operated.apply({"model": {"revision": "1" * 40}})
    operated.settle()
    operated.apply({"model": {"revision": "2" * 40}})
    operated.settle()
    operated.controllers.jobs = exports
    operated.persist()


def change_to_what_no_server_proves(operated: Operated) -> None:
    """A server fails on one node, where others serve on another one: it is deleted, so that the next may go there."""
    for pod in operated.cluster.objects(POD):
        operated.cluster.merge(POD, KEY[0], pod["metadata"]["name"], {"spec": {"nodeName": "far"}})
    servers = operated.controllers.servers = Servers()
    operated.persist()
    servers.mood = SERVERS["proof"]
    operated.apply({"model": {"revision": "3" * 40}})
    operated.persist()
    assert operated.conditions().get("Stalled") == "RolledBack"
    servers.heal()


def scale_by_load(operated: Operated) -> None:
    operated.apply({"serving": {"replicas": 1, "autoscaling": {"maxReplicas": 6}}})
    operated.persist()
    spoil(operated, AUTOSCALER if not operated.settings.keda else SCALED_OBJECT)


def scale_by_number(operated: Operated) -> None:
    operated.apply({"serving": {"replicas": 3, "autoscaling": None}})
    operated.persist()


def come_back(operated: Operated) -> None:
    """The resource goes without its children, and another of its name comes, where that may take them over."""
    operated.cluster.guards_owners = False
    operated.cluster.delete(TRACED_MODEL, *KEY, "Orphan")
    operated.persist()
    operated.apply()
    operated.persist()


LIFE: tuple[Callable[[Operated], None], ...] = (
    Operated.persist,
    create_where_a_name_is_taken,
    spoil_all,
    lives.add_a_bucket,
    lives.change_the_model,
    lives.go_back,
    change_while_it_is_exported,
    change_to_what_no_server_proves,
    scale_by_load,
    scale_by_number,
    come_back,
    lives.delete,
)


def live(rules: Iterable[Any], operated: Operated) -> Operated:
    """Live by the rules of a role, in a cluster that guards owners, after another operator without such rules."""
    operated.cluster.guards_owners = True
    _be_scaled_without_keda(operated)
    operated.cluster.access.grant(rules)
    operated.cluster.access.taken.clear()
    operated.start()
    for chapter in LIFE:
        chapter(operated)
    return operated


def _be_scaled_without_keda(operated: Operated) -> None:
    """Leave a resource with a HorizontalPodAutoscaler, which an operator with KEDA has to delete."""
    chosen, operated.settings = operated.settings, SETTINGS
    operated.start()
    operated.apply({"serving": {"autoscaling": {"maxReplicas": 6}}})
    operated.persist()
    operated.settings = chosen
