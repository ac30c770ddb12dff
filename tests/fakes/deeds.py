"""What users, their hands and the network do to resources in a random life."""

from __future__ import annotations

from typing import Any

from resources import COMMIT
from tracedmodel_operator.kinds import (
    AUTOSCALER,
    CONFIG_MAP,
    DEPLOYMENT,
    DISRUPTION_BUDGET,
    JOB,
    POD,
    SERVICE,
    Kind,
)

Object = dict[str, Any]


def _buckets(*shapes: tuple[int, int]) -> Object:
    return {"export": {"buckets": [{"batchSize": b, "sequenceLength": s} for b, s in shapes]}}


EDITS: dict[str, Object] = {
    "one bucket": _buckets((1, 32)),
    "two buckets": _buckets((1, 32), (8, 128)),
    "three buckets": _buckets((1, 32), (8, 128), (4, 64)),
    "another bucket": _buckets((4, 64)),
    "a commit": {"model": {"revision": COMMIT}},
    "another commit": {"model": {"revision": "d" * 40}},
    "a branch": {"model": {"revision": "main"}, "export": {"parallelism": 1}},
    "another model": {"model": {"source": "hf://acme/other"}},
    "the first model": {"model": {"source": "hf://acme/minilm"}},
    "another store": {"store": {"url": "s3://elsewhere/x", "persistentVolumeClaimName": None}},
    "a volume": {"store": {"url": None, "persistentVolumeClaimName": "artifacts"}},
    "the default store": {"store": None},
    "strict": {"export": {"tolerance": {"absolute": "0.00001"}}},
    "lenient": {"export": {"tolerance": {"absolute": "0.01"}}},
    "half precision": {"export": {"precision": "BFloat16"}},
    "full precision": {"export": {"precision": "Float32"}},
    "two exporters": {"export": {"parallelism": 2}, "model": {"revision": COMMIT}},
    "more memory for exports": {"export": {"resources": {"memory": "9Gi"}}},
    "no replica": {"serving": {"replicas": 0}},
    "one replica": {"serving": {"replicas": 1}},
    "three replicas": {"serving": {"replicas": 3}},
    "by load": {"serving": {"autoscaling": {"minReplicas": 2, "maxReplicas": 5}}},
    "by number": {"serving": {"autoscaling": None}},
    "more memory": {"serving": {"resources": {"memory": "3Gi"}}},
    "other batching": {"serving": {"batching": {"maxDelayMilliseconds": 7}}},
    "in place": {"serving": {"rollout": {"strategy": "InPlace"}}},
    "by surge": {"serving": {"rollout": {"strategy": "Surge"}}},
    "suspend": {"suspend": True},
    "resume": {"suspend": False},
}
TAKES_PODS = frozenset({"no replica", "in place"})
"""Edits after which no pod may be left."""

_NOTES = {"metadata": {"annotations": {"by": "hand"}, "labels": {"by": "hand"}}}
_TEMPLATE = {"spec": {"template": {"metadata": {"annotations": {"by": "hand"}}}}}
HANDS: dict[str, tuple[Kind, Object | None]] = {
    "remove a Job": (JOB, None),
    "remove an index": (CONFIG_MAP, None),
    "remove the Deployment": (DEPLOYMENT, None),
    "remove the Service": (SERVICE, None),
    "remove the budget": (DISRUPTION_BUDGET, None),
    "remove a pod": (POD, None),
    "note something on an index": (CONFIG_MAP, _NOTES),
    "note something on the Deployment": (DEPLOYMENT, _NOTES),
    "note something on the pods": (DEPLOYMENT, _TEMPLATE),
    "scale the Deployment": (DEPLOYMENT, {"spec": {"replicas": 2}}),
    "remove the autoscaler": (AUTOSCALER, None),
    "widen the autoscaler": (AUTOSCALER, {"spec": {"maxReplicas": 50}}),
    "widen the budget": (DISRUPTION_BUDGET, {"spec": {"maxUnavailable": 2}}),
    "open another port": (SERVICE, {"spec": {"ports": [{"name": "http", "port": 81}]}}),
}
"""What someone does by hand, by the kind of child and, unless it is removed, the patch."""
