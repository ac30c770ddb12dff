"""The kinds of objects that the operator reads and writes, and where an API server keeps them."""

from __future__ import annotations

from dataclasses import dataclass

from tracedmodel_api.types import GROUP, KIND, PLURAL, VERSION


@dataclass(frozen=True)
class Kind:
    """A kind of object; ``group`` is empty for the core API."""

    name: str
    group: str
    version: str
    plural: str

    @property
    def api_version(self) -> str:
        """Return what objects of the kind carry as apiVersion."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def root(self) -> str:
        """Return the path at which an API server says which kinds the group and version have."""
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"

    def path(self, namespace: str | None, name: str = "", subresource: str = "") -> str:
        """Return the path of one object, of all in a namespace, or of all there are."""
        within = f"/namespaces/{namespace}" if namespace else ""
        below = "".join(f"/{part}" for part in (name, subresource) if part)
        return f"{self.root}{within}/{self.plural}{below}"


TRACED_MODEL = Kind(KIND, GROUP, VERSION, PLURAL)
JOB = Kind("Job", "batch", "v1", "jobs")
POD = Kind("Pod", "", "v1", "pods")
DEPLOYMENT = Kind("Deployment", "apps", "v1", "deployments")
CONFIG_MAP = Kind("ConfigMap", "", "v1", "configmaps")
SERVICE = Kind("Service", "", "v1", "services")
DISRUPTION_BUDGET = Kind("PodDisruptionBudget", "policy", "v1", "poddisruptionbudgets")
REPLICA_SET = Kind("ReplicaSet", "apps", "v1", "replicasets")
AUTOSCALER = Kind("HorizontalPodAutoscaler", "autoscaling", "v2", "horizontalpodautoscalers")
SCALED_OBJECT = Kind("ScaledObject", "keda.sh", "v1alpha1", "scaledobjects")
LEASE = Kind("Lease", "coordination.k8s.io", "v1", "leases")
EVENT = Kind("Event", "", "v1", "events")
NAMESPACE = Kind("Namespace", "", "v1", "namespaces")
REVIEW = Kind("SelfSubjectAccessReview", "authorization.k8s.io", "v1", "selfsubjectaccessreviews")


CHILDREN = (JOB, POD, DEPLOYMENT, CONFIG_MAP, SERVICE, DISRUPTION_BUDGET, AUTOSCALER)
"""What belongs to a TracedModel, pods by way of a Job or a Deployment."""
AUTOSCALERS = (AUTOSCALER, SCALED_OBJECT)
"""What decides on the replicas by load."""
WATCHED = (TRACED_MODEL, *CHILDREN)
BY_NAME = {kind.name: kind for kind in (*WATCHED, SCALED_OBJECT, LEASE, EVENT)}


def watched(*, keda: bool) -> tuple[Kind, ...]:
    """Return what is watched; of KEDA's kinds a cluster without it knows nothing."""
    return (*WATCHED, SCALED_OBJECT) if keda else WATCHED
