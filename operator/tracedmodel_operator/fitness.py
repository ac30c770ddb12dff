"""Whether the operator can work in a cluster at all: asked once, at the start, so that what is wrong is told at once."""

from __future__ import annotations

from collections.abc import Sequence

from tracedmodel_operator.errors import ApiError, NotFound
from tracedmodel_operator.kinds import TRACED_MODEL
from tracedmodel_operator.kube import Kube
from tracedmodel_operator.permissions import lacking


class Unfit(Exception):  # noqa: N818  # says what the cluster is
    """The operator cannot work here; ``str`` says what to do about it."""


async def look_around(kube: Kube, namespaces: Sequence[str | None]) -> None:
    """Make sure that the cluster has what the operator needs; raises Unfit."""
    for namespace in namespaces:
        try:
            async for _ in kube.pages(TRACED_MODEL, namespace):
                break
        except NotFound:
            message = "the cluster does not know TracedModels: apply crds/ first"
            raise Unfit(message) from None
        except ApiError as error:
            raise Unfit(f"TracedModels cannot be listed: {error}") from error
    missing = await lacking(kube, namespaces)
    if missing:
        raise Unfit(f"the operator's Role lacks: {', '.join(missing)}")
