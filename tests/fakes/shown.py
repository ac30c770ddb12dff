"""The outputs that pages show of commands that need a cluster, a store or a manifest of their own: by page and command."""

from __future__ import annotations

import argparse
import io
import os
import re
import tempfile
from collections.abc import Callable
from contextlib import chdir, redirect_stderr, redirect_stdout
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

import pods
import shown_kind
from apiserver import FakeCluster
from apiserver.kubeconfig import use_kubeconfig
from apiserver.running import running
from builders import a_published_graph
from indexes import index_of
from resources import NOW, SETTINGS, World
from screens import SCREENS, in_a_namespace_of_many, text_of
from states import document, ready
from tracedmodel_api import cli
from tracedmodel_api.store import Store, graph_path
from tracedmodel_operator.cli.changes import changes
from tracedmodel_operator.cli.foresight import foresee
from tracedmodel_operator.cli.overview import overview, table
from tracedmodel_operator.cli.shapes import shapes
from tracedmodel_operator.cli.shelf import shelf
from tracedmodel_operator.gc import command
from tracedmodel_operator.kinds import CONFIG_MAP

_BAD = """\
apiVersion: tracedmodel.dev/v1alpha1
kind: TracedModel
metadata: {name: minilm}
spec:
  model: {source: minilm, task: FeatureExtraction}
  target: CPU
  export:
    buckets: [{batchSize: 1, sequencelength: 128}]
    tolerance: {absolute: 0.1}
"""


def diff() -> str:
    """Return what a bucket and more CPU come to."""
    world = ready()
    world.server_pod(pods.READY)
    after = World(world.resource)
    buckets = [{"batchSize": b, "sequenceLength": s} for b, s in ((1, 32), (8, 128), (4, 64))]
    after.edit({"export": {"buckets": buckets}, "serving": {"resources": {"cpu": "4"}}})
    seen = foresee(world.resource, after.resource, world.observe(), SETTINGS)
    return text_of(changes(document(world), after.resource, document(after), seen))


def verdict() -> str:
    """Return what is wrong with a manifest that is wrong in every way."""
    said = io.StringIO()
    with tempfile.TemporaryDirectory() as folder, chdir(folder), redirect_stderr(said):
        Path("minilm.yaml").write_text(_BAD, encoding="utf-8")
        cli.main(["validate", "minilm.yaml"])
    return said.getvalue()


def clean_up() -> str:
    """Return what is said of a store with four graphs that a cluster names, one that none does, and a young one."""
    said, later = io.StringIO(), datetime.now(timezone.utc) + timedelta(days=30)
    with (
        tempfile.TemporaryDirectory() as folder,
        running(FakeCluster(namespaces=("search",))) as server,
        pytest.MonkeyPatch.context() as patch,
        redirect_stdout(said),
        redirect_stderr(said),
    ):
        store = Store(f"file://{folder}/store")
        *named, _, young = [a_published_graph(store, f"graph {n}") for n in range(6)]
        server.cluster.create(CONFIG_MAP, index_of(*named))
        file = Path(folder) / "store" / graph_path(young.fingerprint)
        os.utime(file, (later.timestamp(), later.timestamp()))
        use_kubeconfig(patch, server.kubeconfig(Path(folder) / "kubeconfig"))
        parser = argparse.ArgumentParser()
        command.configure(parser)
        command.collect(parser.parse_args(["--store", store.url]), lambda: later)
    return said.getvalue()


_KIND = "docs/quick-start/kind.md"

SHOWN: dict[tuple[str, str], Callable[[], str]] = {
    ("README.md", "tracedmodel validate minilm.yaml"): verdict,
    ("docs/cli.md", "kubectl tracedmodel status"): lambda: text_of(
        table(in_a_namespace_of_many(), NOW)
    ),
    ("docs/cli.md", "kubectl tracedmodel status minilm"): lambda: text_of(
        overview(SCREENS["proof-failed"]())
    ),
    ("docs/cli.md", "kubectl tracedmodel buckets minilm"): lambda: text_of(
        shapes(ready().resource.status, {"1x32": 0.25})
    ),
    ("docs/cli.md", "kubectl tracedmodel artifacts minilm"): lambda: text_of(
        shelf(SCREENS["rolled-back"]())
    ),
    ("docs/cli.md", "kubectl tracedmodel diff minilm.yaml"): diff,
    ("docs/garbage.md", "tracedmodel gc --store s3://models/traced"): clean_up,
    (_KIND, "kubectl tracedmodel status minilm"): shown_kind.status,
    (_KIND, "kubectl tracedmodel diff examples/kind/minilm.yaml"): shown_kind.diff,
    (_KIND, "kubectl tracedmodel wait minilm"): shown_kind.first_wait,
    (_KIND, "kubectl tracedmodel wait minilm --timeout 10m"): shown_kind.second_wait,
}
_STORES = {("docs/garbage.md", "tracedmodel gc --store s3://models/traced")}
_FIGURE = re.compile(r"[0-9a-f]{10,}|\d+|\b[kMG]?B\b")


def likeness(key: tuple[str, str], text: str) -> str:
    """Return what of an output has to be as on the page: not the figures of a store, which is another one there."""
    if key[0] == _KIND:
        return shown_kind.likeness(text)
    return _FIGURE.sub("#", text) if key in _STORES else text
