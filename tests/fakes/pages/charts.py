"""Values of the chart on a page: Helm's own schema check and rendering judge them."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from chart import FOLDER, NAMESPACE, RELEASE, Object, render
from pages.blocks import Refused

NO_HELM = "NO HELM: helm-python-sdk has no wheel for here"


def check_values(
    values: Mapping[str, Any], name: str = RELEASE, namespace: str = NAMESPACE
) -> list[Object]:
    """Return what the chart makes of values; refuses those that it does not take."""
    helm = pytest.importorskip("helm_python", reason=NO_HELM)
    try:
        return render(values, name=name, namespace=namespace)
    except helm.HelmError as error:
        raise Refused(f"the chart does not take it: {error}") from None


@functools.cache
def known_values() -> frozenset[str]:
    """Return the names of the chart's values, the outermost alone."""
    return frozenset(yaml.safe_load((FOLDER / "values.yaml").read_text(encoding="utf-8")))
