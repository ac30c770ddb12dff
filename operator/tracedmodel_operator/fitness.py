"""Whether the operator can work in a cluster at all: asked once, at the start, so that what is wrong is told at once."""

from __future__ import annotations

from collections.abc import Sequence

from tracedmodel_operator.errors import ApiError, NotFound
from tracedmodel_operator.kinds import SCALED_OBJECT, TRACED_MODEL, Kind
from tracedmodel_operator.kube import Kube
from tracedmodel_operator.permissions import lacking


class Unfit(Exception):  # noqa: N818  # says what the cluster is
    """The operator cannot work here; ``str`` says what to do about it."""


_UNKNOWN = {
    TRACED_MODEL: "the cluster does not know TracedModels: apply crds/ first",
    SCALED_OBJECT: (
        "the cluster does not know KEDA's ScaledObjects: install KEDA, "
        "or set $TRACEDMODEL_OPERATOR_AUTOSCALING to HPA"
    ),
}


async def look_around(kube: Kube, namespaces: Sequence[str | None], *, keda: bool = False) -> None:
    """Make sure that the cluster has what the operator needs, of KEDA too where that scales; raises Unfit."""
    for namespace in namespaces:
        for kind in (TRACED_MODEL, SCALED_OBJECT) if keda else (TRACED_MODEL,):
            await _demand(kube, kind, namespace)
    missing = await lacking(kube, namespaces, keda=keda)
    if missing:
        raise Unfit(f"the operator's Role lacks: {', '.join(missing)}")


async def _demand(kube: Kube, kind: Kind, namespace: str | None) -> None:
    """Raise Unfit if a kind cannot be listed."""
    try:
        async for _ in kube.pages(kind, namespace):
            break
    except NotFound:
        raise Unfit(_UNKNOWN[kind]) from None
    except ApiError as error:
        raise Unfit(f"{kind.name}s cannot be listed: {error}") from error
