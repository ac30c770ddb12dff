"""A Kubernetes API server in memory, as faithful as the operator can tell, that fails on demand.

``FakeCluster`` is the server without HTTP; ``InProcess`` carries the operator's requests to it through planned
``Faults``; ``web.serve``, ``running.running`` and ``python -m apiserver`` put HTTP before it, watches included.
``Controllers`` plays Job and Deployment controllers, scheduler and kubelet through any transport, a turn at a time.
tests/cluster says what it does, and with ``make test-cluster`` that a real API server does the same.

It keeps versions, uids, generations and timestamps; status and scale subresources; server-side apply with
managedFields, merge and JSON patches; selectors, pages of one state, watches with bookmarks and 410; finalizers, grace,
preconditions, propagation and garbage collection; defaults, quantities and immutable fields of the kinds that the
operator makes; TracedModels by the committed definition; discovery, roles, quotas and admission hooks; namespaces.

It does not: know the fields of built-in kinds (what is misspelt is kept; the schema tests of the rendered children see
that), check resources or references between objects, convert between versions, understand strategic merge patches,
speak protobuf or tables, aggregate discovery, keep more than one version of a kind, or authenticate. Sentences of
validation are shorter than the real ones. ReplicaSets are skipped: a Deployment owns its pods.
"""

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
