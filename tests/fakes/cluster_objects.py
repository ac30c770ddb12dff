"""Small valid objects of the kinds that the operator makes."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]


def metadata(name: str, **more: Any) -> Object:
    return {"name": name, **more}


def config_map(name: str = "a", data: Object | None = None, **more: Any) -> Object:
    """Return a ConfigMap; ``more`` is metadata."""
    return {"metadata": metadata(name, **more)} | ({"data": data} if data is not None else {})


def pod_template(labels: dict[str, str], image: str = "server:1", **spec: Any) -> Object:
    """Return a template of pods with one container."""
    container = {"name": "server", "image": image}
    return {"metadata": {"labels": labels}, "spec": {"containers": [container], **spec}}


def deployment(name: str = "web", image: str = "server:1", **spec: Any) -> Object:
    """Return a Deployment of one container; ``spec`` is more of its spec."""
    labels = {"app": name}
    template = pod_template(labels, image)
    own = {"selector": {"matchLabels": labels}, "template": template, **spec}
    return {"metadata": metadata(name), "spec": own}


def job(name: str = "export", **spec: Any) -> Object:
    """Return a Job of one container; ``spec`` is more of its spec."""
    template = pod_template({"app": name}, "exporter:1", restartPolicy="Never")
    return {"metadata": metadata(name), "spec": {"backoffLimit": 0, "template": template, **spec}}


def service(name: str = "web", port: int = 80) -> Object:
    """Return a Service of one port."""
    return {
        "metadata": metadata(name),
        "spec": {"selector": {"app": name}, "ports": [{"port": port}]},
    }


def owned_by(owner: Object, item: Object, *, blocks: bool = True) -> Object:
    """Return an object that belongs to another."""
    reference = {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": blocks,
    }
    return {**item, "metadata": {**item["metadata"], "ownerReferences": [reference]}}
