"""The Helm chart: where it is, and its objects as Helm itself renders them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

Object = dict[str, Any]

FOLDER = Path(__file__).parent / "tracedmodel-operator"
WIDEST = Path(__file__).parent / "widest.yaml"
"""Values with which it makes all that it can make."""
RELEASE = "tracedmodel-operator"
NAMESPACE = "tracedmodel-system"


def render(
    values: Mapping[str, Any] | None = None,
    *,
    name: str = RELEASE,
    namespace: str = NAMESPACE,
    folder: Path = FOLDER,
) -> list[Object]:
    """Return the objects of a release, in the order of their templates; raises ``helm_python.HelmError``."""
    import helm_python  # noqa: PLC0415  # it is not to be had for every machine, and not all that is here needs it

    with helm_python.Chart.load(str(folder)) as chart:
        # What `helm install` does first; rendering alone would take any values.
        chart.validate_schema(dict(values or {}))
        texts = chart.render(dict(values or {}), name=name, namespace=namespace)
    return [
        document
        for path, text in sorted(texts.items())
        if path.endswith(".yaml")
        for document in yaml.safe_load_all(text)
        if document
    ]
