"""What the API server fills in, as far as the operator's children have it, and what it leaves out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from apiserver import quantity
from apiserver.registry import NAMESPACE, Resource
from tracedmodel_operator.kinds import (
    AUTOSCALER,
    DEPLOYMENT,
    DISRUPTION_BUDGET,
    EVENT,
    JOB,
    POD,
    SERVICE,
    Kind,
)

Object = dict[str, Any]
_MAX_INT = 2**31 - 1
_MODE = 0o644
# Go leaves out what is empty, but for the structures that it has by value or by reference.
_KEPT_EMPTY = frozenset(
    {"emptyDir", "securityContext", "resources", "status", "loadBalancer", "spec", "strategy"}
)
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")


def complete(document: Object, resource: Resource) -> Object:
    """Return an object of a built-in kind as it is stored: nothing empty, defaults filled in."""
    document = _without_empty(document)
    fill = _BY_KIND.get(resource.kind)
    if fill:
        fill(document)
    if "status" in resource.subresources:
        document.setdefault("status", {})
    return document


def _without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        parts = ((key, _without_empty(part)) for key, part in value.items())
        return {
            k: p for k, p in parts if (p not in (None, [], {}) or (p == {} and k in _KEPT_EMPTY))
        }
    if isinstance(value, list):
        return [_without_empty(part) for part in value]
    return value


def _fill(place: Object, **defaults: Any) -> None:
    for key, value in defaults.items():
        place.setdefault(key, value)


def _deployment(document: Object) -> None:
    spec = document.setdefault("spec", {})
    _fill(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600)
    strategy = spec.setdefault("strategy", {})
    _fill(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        _fill(strategy.setdefault("rollingUpdate", {}), maxSurge="25%", maxUnavailable="25%")
    _template(spec)


def _job(document: Object) -> None:
    spec = document.setdefault("spec", {})
    by_index = "backoffLimitPerIndex" in spec
    if "completions" not in spec and "parallelism" not in spec:
        _fill(spec, completions=1)
    _fill(spec, parallelism=1, completionMode="NonIndexed", suspend=False, manualSelector=False)
    _fill(spec, backoffLimit=_MAX_INT if by_index else 6)
    handled = "podFailurePolicy" in spec
    _fill(spec, podReplacementPolicy="Failed" if handled else "TerminatingOrFailed")
    for rule in spec.get("podFailurePolicy", {}).get("rules", ()):
        for condition in rule.get("onPodConditions", ()):
            _fill(condition, status="True")
    _template(spec)


def _own_template(document: Object) -> None:
    """Give a new Job the selector and the labels by which it knows its pods."""
    uid, name, spec = document["metadata"]["uid"], document["metadata"]["name"], document["spec"]
    spec["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    labels = spec.setdefault("template", {}).setdefault("metadata", {}).setdefault("labels", {})
    for prefix in ("", "batch.kubernetes.io/"):
        labels |= {f"{prefix}controller-uid": uid, f"{prefix}job-name": name}


def _template(spec: Object) -> None:
    template = spec.setdefault("template", {})
    template.setdefault("metadata", {})
    _pod_spec(template.setdefault("spec", {}))


def _pod(document: Object) -> None:
    spec = document.setdefault("spec", {})
    _pod_spec(spec)
    _fill(spec, enableServiceLinks=True)
    for container in spec.get("containers", ()):
        limits = container["resources"].get("limits")
        if limits:
            container["resources"]["requests"] = limits | container["resources"].get("requests", {})


def _pod_spec(spec: Object) -> None:
    _fill(spec, restartPolicy="Always", terminationGracePeriodSeconds=30, dnsPolicy="ClusterFirst")
    _fill(spec, securityContext={}, schedulerName="default-scheduler")
    if "serviceAccountName" in spec:
        spec["serviceAccount"] = spec["serviceAccountName"]
    for container in (*spec.get("containers", ()), *spec.get("initContainers", ())):
        _container(container)
    for volume in spec.get("volumes", ()):
        for source in ("configMap", "secret", "projected"):
            if source in volume:
                _fill(volume[source], defaultMode=_MODE)


def _container(container: Object) -> None:
    _, colon, tag = container.get("image", "").rpartition("/")[2].partition(":")
    latest = not colon or tag == "latest"
    _fill(container, imagePullPolicy="Always" if latest else "IfNotPresent", resources={})
    _fill(container, terminationMessagePath="/dev/termination-log", terminationMessagePolicy="File")
    for port in container.get("ports", ()):
        _fill(port, protocol="TCP")
    for probe in _PROBES:
        if probe in container:
            _probe(container[probe])
    for variable in container.get("env", ()):
        if variable.get("value") == "":
            del variable["value"]
        if "fieldRef" in variable.get("valueFrom", {}):
            _fill(variable["valueFrom"]["fieldRef"], apiVersion="v1")
    for kind, amounts in container["resources"].items():
        if kind in ("limits", "requests"):
            container["resources"][kind] = {k: quantity.canonical(v) for k, v in amounts.items()}


def _probe(probe: Object) -> None:
    _fill(probe, timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3)
    if "httpGet" in probe:
        _fill(probe["httpGet"], path="/", scheme="HTTP")


def _admit_pod(document: Object) -> None:
    """Give a new Pod what admission gives it."""
    spec = document["spec"]
    _fill(spec, priority=0, preemptionPolicy="PreemptLowerPriority")
    spec["tolerations"] = [
        *spec.get("tolerations", ()),
        *(
            {
                "key": f"node.kubernetes.io/{trouble}",
                "operator": "Exists",
                "effect": "NoExecute",
                "tolerationSeconds": 300,
            }
            for trouble in ("not-ready", "unreachable")
        ),
    ]
    document["status"] = {"phase": "Pending"}


def _service(document: Object) -> None:
    spec = document.setdefault("spec", {})
    _fill(spec, type="ClusterIP", sessionAffinity="None", internalTrafficPolicy="Cluster")
    for port in spec.get("ports", ()):
        _fill(port, protocol="TCP", targetPort=port.get("port"))


def _allot_address(document: Object) -> None:
    """Give a new Service its address."""
    spec = document["spec"]
    # Every new object has a number; it is the first part of its uid.
    number = int(document["metadata"]["uid"].partition("-")[0], 16)
    high, low = divmod(number % 65000, 250)
    address = spec.get("clusterIP") or f"10.96.{high}.{low + 1}"
    _fill(spec, clusterIP=address, clusterIPs=[address])
    _fill(spec, ipFamilies=["IPv4"], ipFamilyPolicy="SingleStack")
    document.setdefault("status", {}).setdefault("loadBalancer", {})


def _open_namespace(document: Object) -> None:
    """Let a new Namespace be used."""
    document["status"] = {"phase": "Active"}


def _fill_event(document: Object) -> None:
    """Give a new Event what Go never leaves out."""
    _fill(document, source={}, reportingComponent="", reportingInstance="", eventTime=None)


def _budget(document: Object) -> None:
    status = document.setdefault("status", {})
    _fill(status, disruptionsAllowed=0, currentHealthy=0, desiredHealthy=0, expectedPods=0)


def _autoscaler(document: Object) -> None:
    _fill(document.setdefault("spec", {}), minReplicas=1)


_BY_KIND: dict[Kind, Callable[[Object], None]] = {
    DEPLOYMENT: _deployment,
    JOB: _job,
    POD: _pod,
    SERVICE: _service,
    DISRUPTION_BUDGET: _budget,
    AUTOSCALER: _autoscaler,
}

# What the server itself gives to new objects, which nobody owns.
_GIFTS: dict[Kind, Callable[[Object], None]] = {
    JOB: _own_template,
    SERVICE: _allot_address,
    POD: _admit_pod,
    NAMESPACE: _open_namespace,
    EVENT: _fill_event,
}


def furnish(document: Object, resource: Resource) -> None:
    """Add what the server itself gives to new objects, which nobody owns."""
    give = _GIFTS.get(resource.kind)
    if give:
        give(document)
