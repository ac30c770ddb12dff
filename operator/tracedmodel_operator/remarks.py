"""What should be known of a resource beside its status: told in Events and metrics, and changing no condition."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from tracedmodel_api.types import Serving, TracedModel
from tracedmodel_operator.cache import Key
from tracedmodel_operator.observe import Observation
from tracedmodel_operator.podstate import Trouble

LOAD_UNKNOWN = "LoadUnknown"
REPLICAS_IGNORED = "ReplicasIgnored"
_PATIENCE = timedelta(minutes=5)
"""The first metrics of a pod come a minute or two after it is ready."""


@dataclass(frozen=True)
class Remarks:
    """What should be known."""

    load_unknown: Trouble | None = None
    """Why the autoscaler has not known the load for a while."""
    ignored_replicas: int | None = None
    """What spec.serving.replicas asks for in vain."""

    def told(self) -> dict[str, str]:
        """Return the sentences, by their reasons."""
        found = {}
        if self.load_unknown:
            trouble = self.load_unknown
            found[LOAD_UNKNOWN] = (
                f"the autoscaler leaves the replicas as they are: {trouble.reason}: {trouble.message}"
            )
        if self.ignored_replicas is not None:
            found[REPLICAS_IGNORED] = (
                f"serving.replicas {self.ignored_replicas} has no effect, because serving.autoscaling is set"
            )
        return found


class Patience:
    """Remarks, of which some have to be true for a while."""

    def __init__(self) -> None:
        self._since: dict[Key, datetime] = {}

    def remarks(
        self, key: Key, resource: TracedModel, observation: Observation
    ) -> tuple[Remarks, float | None]:
        """Return what should be known now, and in how many seconds there may be more."""
        ignored = _ignored_replicas(resource)
        blind = _blind(observation)
        if blind is None:
            self._since.pop(key, None)
            return Remarks(ignored_replicas=ignored), None
        since = self._since.setdefault(key, observation.now)
        left = (since + _PATIENCE - observation.now).total_seconds()
        if left > 0:
            return Remarks(ignored_replicas=ignored), left
        return Remarks(blind, ignored), None

    def forget(self, key: Key) -> None:
        """Forget a resource that is gone."""
        self._since.pop(key, None)


def _ignored_replicas(resource: TracedModel) -> int | None:
    serving = resource.spec.serving
    # The default stands in every spec: nobody asked for it.
    asked = serving.replicas != Serving.model_fields["replicas"].default
    return serving.replicas if serving.autoscaling and asked else None


def _blind(observation: Observation) -> Trouble | None:
    """Return why the load is unknown, though there are replicas that could tell it."""
    serving = observation.serving
    return observation.blind if serving and serving.available else None
