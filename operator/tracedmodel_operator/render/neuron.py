"""What serving pods on Inf1 ask of a cluster: NeuronCores, nodes that have enough of them, and the right scheduler.

The device plugin tells a container its cores, and one process takes them all: no NEURON_RT variable is set here, since
NEURON_RT_VISIBLE_CORES would overrule the plugin.
"""

from __future__ import annotations

import math

from tracedmodel_operator.render.replica import Replica
from tracedmodel_operator.settings import Settings

CORES_PER_CHIP = 4
_CORES = {"inf1.xlarge": 4, "inf1.2xlarge": 4, "inf1.6xlarge": 16, "inf1.24xlarge": 64}


def devices(replica: Replica) -> dict[str, str]:
    """Return the NeuronCores of a replica as the cluster counts them."""
    settings = replica.settings
    return {settings.neuron_resource: str(_units(replica))} if replica.cores else {}


def instance_types(replica: Replica) -> list[str]:
    """Return the instance types that a replica may run on, as far as an administrator allows them.

    The cores of a container must be neighbours, which Kubernetes does not know and Neuron's scheduler extension does.
    In a cluster without it, a replica that needs more than one device gets a node that it fills.
    """
    allowed = replica.target_settings.instance_types
    enough = [name for name in allowed if _cores_of(name) >= replica.cores]
    filled = [name for name in enough if not _divides(replica, name)]
    if replica.settings.neuron_scheduler_name is None and filled:
        return filled
    return enough or allowed


def scheduler(replica: Replica) -> dict[str, str]:
    """Return the pod's field that names the scheduler extension, if the cluster has it and the replica needs it."""
    name = replica.settings.neuron_scheduler_name
    types = instance_types(replica) or [""]
    needed = any(_divides(replica, instance_type) for instance_type in types)
    return {"schedulerName": name} if name and needed else {}


def _divides(replica: Replica, instance_type: str) -> bool:
    """Tell whether a replica gets several devices of such a node and leaves some to others."""
    return _units(replica) > 1 and replica.cores < _cores_of(instance_type)


def _cores_of(instance_type: str) -> float:
    """Return the cores of a node; one that is not known may have any number."""
    return _CORES.get(instance_type, math.inf)


def _units(replica: Replica) -> int:
    return math.ceil(replica.cores / _cores_per_unit(replica.settings))


def _cores_per_unit(settings: Settings) -> int:
    return 1 if settings.neuron_resource.endswith("neuroncore") else CORES_PER_CHIP
