"""Names, labels and annotations of children, and the reference to their owner."""

from __future__ import annotations

from typing import Any

from tracedmodel_api.types import API_VERSION, GROUP, KIND, TracedModel

MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGER = "tracedmodel-operator"
COMPONENT = "app.kubernetes.io/component"
MODEL = f"{GROUP}/model"
"""Label of every child: the resource's name."""
FINGERPRINT = f"{GROUP}/fingerprint"
"""Annotation of Job and index: identity of the request."""
REQUEST = f"{GROUP}/request"
"""Annotation of a Job: identity of all that its outcome depends on, tolerance, resources and credentials included."""
ATTEMPT = f"{GROUP}/attempt"
"""Annotation of a Job: how many were launched for the request, this one included."""
ARTIFACT = f"{GROUP}/artifact"
"""Annotation of serving pods: digest of the index that they serve."""
STORE = f"{GROUP}/store"
"""Annotation of an index: where its graphs are, as JSON. The spec may name another store by the time they are served."""
RENDERED = f"{GROUP}/rendered"
"""Annotation of what is applied: digest of all that was rendered, so that what is left out later is noticed."""
TEMPLATE = f"{GROUP}/template"
"""Annotation of a Deployment and its pods: likewise of their template, which tells them from those that they replace."""
JOB_NAME = "batch.kubernetes.io/job-name"
"""Label that Kubernetes gives to the pods of a Job."""
JOB_UID = "batch.kubernetes.io/controller-uid"
"""Likewise: the Job's uid."""

ChildKey = tuple[str, str]
"""Kind and name."""

EXPORT = "export"
SERVING = "serving"


def labels(resource: TracedModel, component: str) -> dict[str, str]:
    """Return the labels of a child."""
    return {
        "app.kubernetes.io/name": "tracedmodel",
        "app.kubernetes.io/instance": resource.metadata.name,
        COMPONENT: component,
        MANAGED_BY: MANAGER,
        MODEL: resource.metadata.name,
    }


def serving_selector(resource: TracedModel) -> dict[str, str]:
    """Return what selects the serving pods; it can never change."""
    return {MODEL: resource.metadata.name, COMPONENT: SERVING}


def metadata(
    resource: TracedModel, name: str, component: str, annotations: dict[str, str] | None = None
) -> dict[str, Any]:
    """Return the metadata of a child, owned by its resource."""
    owner = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "name": resource.metadata.name,
        "uid": resource.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
    found: dict[str, Any] = {
        "name": name,
        "namespace": resource.metadata.namespace,
        "labels": labels(resource, component),
        "ownerReferences": [owner],
    }
    return found | ({"annotations": annotations} if annotations else {})


def job_name(resource: TracedModel, fingerprint: str, attempt: int) -> str:
    """Return the name of an export's Job."""
    return f"{resource.metadata.name}-export-{fingerprint[:8]}-{attempt}"


def keda_hpa_name(resource: TracedModel) -> str:
    """Return the name of the HorizontalPodAutoscaler that KEDA makes of the resource's ScaledObject."""
    return f"keda-hpa-{resource.metadata.name}"


def index_name(resource: TracedModel, digest: str) -> str:
    """Return the name of an index's ConfigMap."""
    return f"{resource.metadata.name}-index-{digest[:10]}"
