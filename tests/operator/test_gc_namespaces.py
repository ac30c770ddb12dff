"""``tracedmodel gc`` for stores by namespace, on real folders and clusters over HTTP."""

from __future__ import annotations

import argparse
import json
from datetime import datetime, timedelta, timezone

import pytest

from apiserver import FakeCluster
from apiserver.faults import FORBIDDEN
from apiserver.running import running
from builders import a_graph, a_published_graph
from indexes import index_of
from tracedmodel_api.report import Failure
from tracedmodel_api.store import Store, blob_path, graph_path
from tracedmodel_operator.gc import cleaner, command
from tracedmodel_operator.kinds import CONFIG_MAP

ONE, TWO, THREE = (a_graph(name) for name in ("one", "two", "three"))


class Land:
    """A cluster with three namespaces; search and chat have a folder for their graphs."""

    def __init__(self, server, folder):
        self.server = server
        self.cluster = server.cluster
        self.folder = folder
        self.url = f"file://{folder}/{{namespace}}"
        self.file = str(server.kubeconfig(folder / "kubeconfig"))
        self.publish("search", "one", "two")
        self.publish("chat", "three")

    def publish(self, namespace, *names):
        for name in names:
            a_published_graph(Store(f"file://{self.folder}/{namespace}"), name)

    def name(self, graph, namespace="search"):
        """Have an index of a namespace name a graph."""
        self.cluster.create(CONFIG_MAP, index_of(graph, namespace=namespace))

    def gc(self, *words, clock=None):
        """Run the command as of thirty days later."""
        parser = argparse.ArgumentParser()
        command.configure(parser)
        asked = parser.parse_args(["--store", self.url, "--kubeconfig", self.file, *words])
        return command.collect(asked, clock or later)

    def refused(self, *words, **more):
        """Run the command, which fails; return the reason and the sentence."""
        with pytest.raises(Failure) as caught:
            self.gc(*words, **more)
        return caught.value.reason.name, str(caught.value)

    def graphs(self, namespace):
        return set(self.store(namespace).fingerprints())

    def store(self, namespace):
        return Store(f"file://{self.folder}/{namespace}", create=False)

    def files(self):
        return {path for path in self.folder.rglob("*") if path.is_file()}


def later():
    return datetime.now(timezone.utc) + timedelta(days=30)


@pytest.fixture
def land(tmp_path):
    with running(FakeCluster(namespaces=("search", "chat", "empty"))) as server:
        yield Land(server, tmp_path)


def test_every_namespace_s_store_is_looked_at_and_told_of_by_itself(land, capsys):
    land.name(ONE)
    before = land.files()
    assert land.gc() == 0
    assert land.files() == before
    chat, search = capsys.readouterr().out.split("\nstore ")
    assert chat.startswith(f"store file://{land.folder}/chat\n")
    assert search.startswith(f"file://{land.folder}/search\n")
    assert "would go: 1 graph, 4 blobs, 0 pins" in chat
    assert "would go: 1 graph, 3 blobs, 0 pins" in search
    assert "stays: 1 graph" in search


def test_a_namespace_whose_last_tracedmodel_has_gone_is_cleaned_with_the_others(land):
    land.name(ONE)
    assert land.gc("--delete") == 0
    assert land.graphs("search") == {ONE.fingerprint}
    assert land.store("search").lacking(ONE) == []
    assert land.graphs("chat") == set()
    # What it has in common with a model of another namespace: no more than tokenizer and card.
    shared = {blob_path(blob.digest) for blob in ONE.files.values()}
    assert set(land.store("chat").objects.paths()) == shared


def test_what_another_namespace_names_stays(land):
    land.name(ONE)
    land.name(THREE)
    land.gc("--delete")
    assert land.graphs("chat") == {THREE.fingerprint}


def test_where_no_namespace_names_anything_nothing_is_believed(land, capsys):
    land.name(a_graph("elsewhere"))
    before = land.files()
    land.gc()
    assert "name nothing that is in this store: --delete would refuse" in capsys.readouterr().err
    assert land.refused("--delete") == ("InvalidRequest", "2 of 2 stores failed")
    assert land.files() == before
    assert "--even-if-nothing-is-named" in capsys.readouterr().err
    assert land.gc("--delete", "--even-if-nothing-is-named") == 0
    assert land.graphs("search") == land.graphs("chat") == set()


def test_a_world_without_a_tracedmodel_is_not_believed(land, capsys):
    before = land.files()
    assert land.refused("--delete")[0] == "InvalidRequest"
    assert "there is no TracedModel and no index" in capsys.readouterr().err
    assert land.files() == before


def test_a_store_that_fails_stops_no_other_and_the_worst_end_is_that_of_the_run(land, capsys):
    land.name(ONE)
    land.name(THREE, "chat")
    land.name(TWO, "empty")
    land.store("chat").objects.write(blob_path(THREE.identity()), b"{}")
    # Of two ends, the one that will be the same the next time: a folder may come, and bytes stay as they are.
    assert land.refused("--delete") == ("BlobCorrupt", "2 of 3 stores failed")
    told = capsys.readouterr().err
    assert f"StoreUnreachable: file://{land.folder}/empty: " in told
    assert "BlobCorrupt: " in told
    assert land.graphs("chat") == {THREE.fingerprint}
    assert land.graphs("search") == {ONE.fingerprint, TWO.fingerprint}


def test_stores_that_cannot_be_opened_are_no_failure_where_nobody_uses_them(land, capsys):
    land.name(ONE)
    assert land.gc() == 0
    told = capsys.readouterr()
    assert "left out, as empty has no TracedModel" in told.err
    assert f"{land.folder}/empty" not in told.out
    assert not (land.folder / "empty").exists()


def test_stores_none_of_which_can_be_opened_are_a_failure(land):
    land.url = f"file://{land.folder}/nowhere/{{namespace}}"
    assert land.refused()[0] == "StoreUnreachable"


def test_stores_in_which_nothing_stands_are_counted(land, capsys):
    land.name(ONE)
    (land.folder / "empty").mkdir()
    land.gc()
    assert capsys.readouterr().out.endswith("\nnothing stands in 1 store more\n")


def test_chosen_namespaces_alone_are_cleaned_and_nobody_has_to_be_allowed_to_list_them(land):
    land.name(ONE)
    rules = [{"apiGroups": ["*"], "resources": ["tracedmodels", "configmaps"], "verbs": ["list"]}]
    land.cluster.access.grant(rules, ["search"])
    before = land.graphs("chat")
    assert land.refused()[0] == "ClusterUnreachable"
    assert land.gc("--delete", "--namespace", "search") == 0
    assert (land.graphs("search"), land.graphs("chat")) == ({ONE.fingerprint}, before)


def test_a_cluster_that_cannot_be_read_stops_everything(land):
    land.name(ONE)
    before = land.files()
    land.server.faults.at(FORBIDDEN, 2)
    assert land.refused("--delete")[0] == "ClusterUnreachable"
    assert land.files() == before


def test_without_a_cluster_there_are_no_namespaces(land):
    with pytest.raises(Failure, match="with --no-cluster write one"):
        command.collect(parsed("--store", land.url, "--no-cluster"), later)


def parsed(*words):
    parser = argparse.ArgumentParser()
    command.configure(parser)
    return parser.parse_args(words)


def test_programs_read_a_list_with_what_failed_among_it(land, capsys):
    land.name(ONE)
    land.name(TWO, "empty")
    assert land.refused("--json")[0] == "StoreUnreachable"
    chat, empty, search = json.loads(capsys.readouterr().out)
    assert [one["path"] for one in chat["garbage"]["graphs"]] == [graph_path(THREE.fingerprint)]
    assert search["garbage"]["graphs"] == []
    assert empty["store"] == f"file://{land.folder}/empty"
    assert empty["failure"] == "StoreUnreachable"
    assert "no such folder" in empty["message"]


def test_prometheus_reads_each_store(land):
    land.name(ONE)
    file = land.folder / "gc.prom"
    land.gc("--metrics-file", str(file))
    text = file.read_text()
    for namespace in ("search", "chat"):
        label = f'{{store="file://{land.folder}/{namespace}"}}'
        assert f"tracedmodel_gc_garbage_graphs{label} 1.0\n" in text
    assert "/empty" not in text


@pytest.mark.parametrize(("minutes", "readings"), [(0, 1), (9, 1), (11, 2)])
def test_the_clusters_are_read_anew_before_a_reading_is_too_old_to_go_by(
    land, capsys, monkeypatch, minutes, readings
):
    land.name(ONE)
    world, now = [later()], []
    cleaned = cleaner.Cleaner._cleaned

    def slowly(self, *given, **more):
        now.append(world[0])
        try:
            return cleaned(self, *given, **more)
        finally:
            world[0] += timedelta(minutes=minutes) * (len(now) == 1)

    monkeypatch.setattr(cleaner.Cleaner, "_cleaned", slowly)
    assert land.gc("--delete", clock=lambda: world[0]) == 0
    assert capsys.readouterr().err.count("TracedModels and indexes name") == readings
    assert land.graphs("search") == {ONE.fingerprint}


def test_a_world_that_is_empty_at_the_next_reading_is_not_believed(land, monkeypatch):
    land.name(ONE)
    world, looked = [later()], []
    cleaned = cleaner.Cleaner._cleaned

    def emptied(self, url, **more):
        looked.append(url)
        if more.get("known"):
            world[0] += cleaner.FRESH
            (index,) = land.cluster.objects(CONFIG_MAP)
            land.cluster.delete(CONFIG_MAP, "search", index["metadata"]["name"])
        return cleaned(self, url, **more)

    monkeypatch.setattr(cleaner.Cleaner, "_cleaned", emptied)
    assert land.refused("--delete", clock=lambda: world[0])[0] == "InvalidRequest"
    assert looked[-1].endswith("/chat")
    assert land.graphs("chat") == {THREE.fingerprint}


def test_a_cluster_that_vanishes_meanwhile_stops_what_is_left(land, capsys):
    land.name(ONE)
    times = iter([later(), later() + 2 * cleaner.FRESH])

    def clock():
        if capsys.readouterr().err.count("TracedModels and indexes name"):
            land.server.faults.next(FORBIDDEN)
        return next(times)

    assert land.refused("--delete", clock=clock)[0] == "ClusterUnreachable"
    assert list(times) == []
    assert land.graphs("search") == {ONE.fingerprint, TWO.fingerprint}
