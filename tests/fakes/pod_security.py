"""The "restricted" profile of the Pod Security Standards: what it demands of a pod, a rule a row.

https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

Pod = dict[str, Any]
Container = dict[str, Any]

_SAFE_SYSCTLS = {
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
}
_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
_SELINUX_TYPES = {"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}
_PROFILES = {"RuntimeDefault", "Localhost"}
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")


def containers(pod: Pod) -> list[Container]:
    """Return the containers of every kind."""
    kinds = ("initContainers", "containers", "ephemeralContainers")
    return [container for kind in kinds for container in pod.get(kind) or []]


def _security(part: Pod | Container) -> dict[str, Any]:
    return dict(part.get("securityContext") or {})


def _own(pod: Pod, container: Container, field: str) -> Any:
    """Return a field of a container, or the pod's where the container has none."""
    return _security(container).get(field, _security(pod).get(field))


def _parts(pod: Pod) -> list[dict[str, Any]]:
    return [_security(part) for part in (pod, *containers(pod))]


def _each(of: Callable[[Pod, Container], bool]) -> Callable[[Pod], bool]:
    return lambda pod: all(of(pod, container) for container in containers(pod))


def _handlers(container: Container) -> Iterator[dict[str, Any]]:
    hooks = (container.get("lifecycle") or {}).values()
    for handler in (*(container.get(name) or {} for name in _PROBES), *hooks):
        yield from (handler[kind] for kind in ("httpGet", "tcpSocket") if kind in handler)


def _capabilities(container: Container) -> dict[str, list[str]]:
    return dict(_security(container).get("capabilities") or {})


RULES: dict[str, Callable[[Pod], bool]] = {
    "HostProcess": lambda pod: (
        not any((part.get("windowsOptions") or {}).get("hostProcess") for part in _parts(pod))
    ),
    "Host Namespaces": lambda pod: (
        not any(pod.get(name) for name in ("hostNetwork", "hostPID", "hostIPC"))
    ),
    "Privileged Containers": _each(lambda _, one: not _security(one).get("privileged")),
    "Capabilities": _each(
        lambda _, one: (
            "ALL" in _capabilities(one).get("drop", [])
            and set(_capabilities(one).get("add", [])) <= {"NET_BIND_SERVICE"}
        )
    ),
    "Host Ports": _each(
        lambda _, one: not any(port.get("hostPort") for port in one.get("ports") or [])
    ),
    "Host Probes": _each(lambda _, one: not any(found.get("host") for found in _handlers(one))),
    "AppArmor": lambda pod: all(
        (part.get("appArmorProfile") or {"type": "RuntimeDefault"})["type"] in _PROFILES
        for part in _parts(pod)
    ),
    "SELinux": lambda pod: all(
        options.get("type", "") in _SELINUX_TYPES
        and not (options.get("user") or options.get("role"))
        for options in (part.get("seLinuxOptions") or {} for part in _parts(pod))
    ),
    "/proc Mount Type": _each(
        lambda _, one: _security(one).get("procMount", "Default") == "Default"
    ),
    "Sysctls": lambda pod: (
        {entry["name"] for entry in _security(pod).get("sysctls") or []} <= _SAFE_SYSCTLS
    ),
    "Volume Types": lambda pod: all(
        set(volume) - {"name"} <= _VOLUMES for volume in pod.get("volumes") or []
    ),
    "Privilege Escalation": _each(
        lambda _, one: _security(one).get("allowPrivilegeEscalation") is False
    ),
    "Running as Non-root": _each(lambda pod, one: _own(pod, one, "runAsNonRoot") is True),
    "Running as Non-root User": lambda pod: all(part.get("runAsUser") != 0 for part in _parts(pod)),
    "Seccomp": _each(
        lambda pod, one: (_own(pod, one, "seccompProfile") or {}).get("type") in _PROFILES
    ),
}


def violations(pod: Pod) -> list[str]:
    """Return the rules that a pod breaks."""
    return [name for name, holds in RULES.items() if not holds(pod)]
