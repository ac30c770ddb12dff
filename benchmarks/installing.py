"""From ``helm install`` to every operator ready, on the cluster of $KUBECONFIG: ``make bench-install``.

The images have to be there, or to be had: a first installation, which does not count, has them pulled. The cluster must not
have TracedModel: every installation is one into a cluster that never had it, and is gone again afterwards.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import helm_python
import yaml

import harness
from chart import FOLDER, RELEASE
from figures import bars
from tracedmodel_operator.errors import NotFound
from tracedmodel_operator.kinds import DEPLOYMENT, POD, Kind
from tracedmodel_operator.kube import ClientTransport, Kube

NAMESPACE = "tracedmodel-bench"
_DEFINITION = "tracedmodels.tracedmodel.dev"
_NAMESPACES = Kind("Namespace", "", "v1", "namespaces")
_DEFINITIONS = Kind(
    "CustomResourceDefinition", "apiextensions.k8s.io", "v1", "customresourcedefinitions"
)
_GOES_WITH_THE_RELEASE = {"crds": {"keep": False}}
_PAUSE = 0.02
_PATIENCE = 300.0


def is_ready(deployment: Mapping[str, Any]) -> bool:
    """Tell whether a Deployment has all its replicas ready, at its newest generation, and says that it is available."""
    status = deployment.get("status", {})
    conditions = {one["type"]: one["status"] for one in status.get("conditions", ())}
    return (
        status.get("observedGeneration") == deployment["metadata"]["generation"]
        and status.get("readyReplicas", 0) == deployment["spec"]["replicas"]
        and conditions.get("Available") == "True"
    )


def figures(helm: list[float], ready: list[float]) -> dict[str, float]:
    """Return what is told of installations: seconds until Helm was done, and until the operators were ready."""
    return {
        "helm_p50_s": statistics.median(helm),
        "ready_p50_s": statistics.median(ready),
        "ready_worst_s": max(ready),
        "installations": len(ready),
    }


async def measure(kube: Kube, values: Mapping[str, Any], count: int) -> dict[str, float]:
    """Install and uninstall, once more than is counted."""
    if await _there(kube, _DEFINITIONS, _DEFINITION) or await _there(kube, _NAMESPACES, NAMESPACE):
        raise SystemExit(f"this cluster has {_DEFINITION} or {NAMESPACE}: take one without them")
    try:
        took = [await _installation(kube, values) for _ in range(count + 1)][1:]
    finally:
        await kube.delete(_NAMESPACES, "", NAMESPACE)
    return figures(*map(list, zip(*took, strict=True)))


async def _installation(kube: Kube, values: Mapping[str, Any]) -> tuple[float, float]:
    """Return the seconds until Helm was done and until the operators were ready; leave nothing but the namespace."""
    with helm_python.Config(namespace=NAMESPACE) as helm:
        try:
            begun = time.perf_counter()
            helm.install(
                str(FOLDER), RELEASE, {**values, **_GOES_WITH_THE_RELEASE}, create_namespace=True
            )
            installed = time.perf_counter() - begun
            await _until(lambda: _ready(kube))
            ready = time.perf_counter() - begun
        finally:
            helm.uninstall(RELEASE, ignore_not_found=True)
    await _until(lambda: _gone(kube))
    sys.stdout.write(f"installed in {installed:.2f} s, ready in {ready:.2f} s\n")
    return installed, ready


async def _ready(kube: Kube) -> bool:
    return is_ready(await kube.get(DEPLOYMENT, NAMESPACE, RELEASE))


async def _gone(kube: Kube) -> bool:
    return not (await kube.all(POD, NAMESPACE) or await _there(kube, _DEFINITIONS, _DEFINITION))


async def _there(kube: Kube, kind: Kind, name: str) -> bool:
    try:
        await kube.get(kind, "", name)
    except NotFound:
        return False
    return True


async def _until(condition: Callable[[], Awaitable[bool]]) -> None:
    try:
        async with asyncio.timeout(_PATIENCE):
            while not await condition():  # noqa: ASYNC110  # a measurement, not a protocol
                await asyncio.sleep(_PAUSE)
    except TimeoutError:
        raise SystemExit(
            f"not done after {_PATIENCE:g} s: does the cluster have the images that --values names?"
        ) from None


async def _run(values: Mapping[str, Any], count: int) -> dict[str, float]:
    transport = await ClientTransport.open()
    try:
        return await measure(Kube(transport), values, count)
    finally:
        await transport.close()


def main() -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--values", type=Path, help="values of the chart, such as the image, as YAML"
    )
    parser.add_argument("--count", type=int, default=10, help="installations that count")
    options = parser.parse_args()
    values = yaml.safe_load(options.values.read_text(encoding="utf-8")) if options.values else {}
    harness.write_results("install", asyncio.run(_run(values, options.count)), bars("install"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
