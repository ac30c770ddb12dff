"""A Kubernetes API server in memory, as faithful as the operator can tell, that fails on demand."""

from apiserver.access import Access
from apiserver.admission import Admission, Quota, denied
from apiserver.cluster import SYSTEM, FakeCluster
from apiserver.controllers import Controllers
from apiserver.failures import Failure
from apiserver.faults import Faults
from apiserver.transport import InProcess
from apiserver.watching import Event, Subscription

__all__ = [
    "SYSTEM",
    "Access",
    "Admission",
    "Controllers",
    "Event",
    "Failure",
    "FakeCluster",
    "Faults",
    "InProcess",
    "Quota",
    "Subscription",
    "denied",
]
