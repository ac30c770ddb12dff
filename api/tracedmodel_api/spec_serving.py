"""How an artifact is served."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from tracedmodel_api.enums import Strategy
from tracedmodel_api.fields import whole
from tracedmodel_api.rules import ApiModel, Rule
from tracedmodel_api.spec_export import Resources


class Autoscaling(ApiModel):
    """Replicas by load."""

    min_replicas: Annotated[int, whole(0, 1000)] = 1
    """Fewest replicas; 0 needs KEDA as the operator's autoscaling engine."""
    max_replicas: Annotated[int, whole(1, 1000)]
    """Most replicas."""
    target_utilization_percent: Annotated[int, whole(1, 85)] = 70
    """How busy the workers of a replica should be. Autoscalers let a tenth of difference pass: above 85 even full workers would ask for no more."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.minReplicas <= self.maxReplicas",
            "minReplicas may not be more than maxReplicas",
            lambda scaling: scaling.min_replicas <= scaling.max_replicas,
            ".minReplicas",
        ),
    )


class Batching(ApiModel):
    """How requests share a batch."""

    max_delay_milliseconds: Annotated[int, whole(0, 1000)] = 2
    """Longest that a request waits for company."""
    max_queued_requests: Annotated[int, whole(1, 100000)] = 1024
    """Texts that may wait; one more is answered 429."""


class Rollout(ApiModel):
    """How a new artifact replaces the old one."""

    strategy: Strategy = Strategy.SURGE
    """Surge adds the new replica first; InPlace takes the old one away first, for clusters without a spare chip."""
    progress_deadline_seconds: Annotated[int, whole(60, 86400)] = 1800
    """Time for a rollout to make progress in, in seconds."""


def _whole_number(value: Any) -> Any:
    """Return a whole number for a Literal to judge, which by itself takes True for 1 and 4.0 for 4."""
    if type(value) is not int:
        raise PydanticCustomError("literal_error", "Input should be a whole number")
    return value


class Serving(ApiModel):
    """How the artifact is served."""

    replicas: Annotated[int, whole(0, 1000)] = 1
    """Serving pods; no effect while autoscaling is set."""
    neuron_cores: Annotated[Literal[1, 4, 16, 64], BeforeValidator(_whole_number)] | None = None
    """NeuronCores of a replica, Inf1 only: 1, or whole chips (4, 16, 64). Default 1."""
    autoscaling: Autoscaling | None = None
    """Replicas by load."""
    batching: Batching = Batching()
    """How requests share a batch."""
    rollout: Rollout = Rollout()
    """How a new artifact replaces the old one."""
    resources: Resources | None = None
    """CPU and memory of a serving pod. Default: the operator's setting for the target."""
