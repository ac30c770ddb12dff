"""Kubeconfig files for a server on a loopback port."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from kubernetes.aio import config


def write_kubeconfig(path: Path, url: str, token: str = "operator") -> Path:
    """Write a file that says where the server is and who asks; JSON is YAML, too."""
    named = {"name": "fake"}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{**named, "cluster": {"server": url}}],
        "users": [{**named, "user": {"token": token}}],
        "contexts": [{**named, "context": {"cluster": "fake", "user": "fake"}}],
        "current-context": "fake",
    }
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def use_kubeconfig(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    """Let every client of this process use a file: the cluster client read the environment when it was imported."""
    monkeypatch.setenv("KUBECONFIG", str(path))
    for module in (config, config.kube_config):
        monkeypatch.setattr(module, "KUBE_CONFIG_DEFAULT_LOCATION", str(path))
