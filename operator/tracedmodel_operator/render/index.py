"""The ConfigMap that keeps an artifact's index, and what was measured of its graphs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from tracedmodel_api.canonical import canonical_json
from tracedmodel_api.types import TracedModel
from tracedmodel_operator import names
from tracedmodel_operator.artifacts import Artifact

INDEX_KEY = "index.json"
REPORT_KEY = "report.json"


def render_index(resource: TracedModel, artifact: Artifact) -> dict[str, Any]:
    """Return the ConfigMap. Its name and its bytes follow from the artifact's digest, so it is immutable."""
    name = names.index_name(resource, artifact.digest)
    annotations = {
        names.FINGERPRINT: artifact.fingerprint,
        names.ARTIFACT: artifact.digest,
        names.STORE: canonical_json(asdict(artifact.store)).decode(),
    }
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": names.metadata(resource, name, names.SERVING, annotations),
        "immutable": True,
        "data": {
            INDEX_KEY: artifact.index.to_bytes().decode(),
            REPORT_KEY: artifact.report.to_bytes().decode(),
        },
    }
