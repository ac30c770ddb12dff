"""What a serving pod is made from."""

from __future__ import annotations

from dataclasses import dataclass

from tracedmodel_api.types import Target, TracedModel
from tracedmodel_operator.artifacts import Artifact
from tracedmodel_operator.render import pods
from tracedmodel_operator.settings import Settings, TargetSettings


@dataclass(frozen=True)
class Replica:
    """A resource's spec and the artifact that it serves, which may be the last one of another spec."""

    resource: TracedModel
    artifact: Artifact
    settings: Settings

    @property
    def target(self) -> Target:
        """Return where the artifact's graphs run, whatever the spec asks for by now."""
        return self.artifact.index.target

    @property
    def target_settings(self) -> TargetSettings:
        """Return what an administrator set for the target."""
        return self.settings.target(self.target)

    @property
    def cores(self) -> int:
        """Return the NeuronCores; 0 on CPUs."""
        if self.target is Target.CPU:
            return 0
        return self.resource.spec.neuron_cores

    @property
    def most_workers(self) -> int:
        """Return how many graphs may run side by side: one a NeuronCore, fewer where the artifact's are pipelines."""
        return max(1, self.cores)

    @property
    def resources(self) -> dict[str, str]:
        """Return CPU, memory and whatever else an administrator gives, without devices."""
        wanted = self.resource.spec.serving.resources
        return pods.quantities(wanted, self.target_settings.serving_resources)
