"""The command, on real folders, an S3 server, and clusters over HTTP."""

from __future__ import annotations

import argparse
import json
import os
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from apiserver import FakeCluster
from apiserver.faults import FORBIDDEN
from apiserver.kubeconfig import use_kubeconfig
from apiserver.running import running
from builders import a_graph, a_published_graph, an_index
from indexes import index_of
from s3_server import make_bucket, s3_server, use_server
from tracedmodel_api.keeping import CONDEMNED, SWEEPING, condemn, pin
from tracedmodel_api.report import Failure
from tracedmodel_api.store import Store, blob_path, graph_path
from tracedmodel_operator.gc import command, sweep
from tracedmodel_operator.kinds import CONFIG_MAP

MONTH = timedelta(days=30)
ONE, TWO = a_graph("one"), a_graph("two")


def parse(*words):
    parser = argparse.ArgumentParser()
    command.configure(parser)
    return parser.parse_args(words)


def moment(**later):
    return datetime.now(timezone.utc) + timedelta(**later)


def failure_of(action, *arguments):
    with pytest.raises(Failure) as caught:
        action(*arguments)
    return caught.value.reason.name, str(caught.value)


class Case:
    """A store with two graphs, of which the first is named by an index in a file."""

    def __init__(self, url, tmp_path):
        self.url = url
        self.store = Store(url)
        self.graphs = [a_published_graph(self.store, name) for name in ("one", "two")]
        self.index = tmp_path / "index.json"
        self.index.write_bytes(an_index(ONE).to_bytes())

    def words(self, *more):
        return parse("--store", self.url, "--no-cluster", "--index", str(self.index), *more)

    def gc(self, *more, days=30):
        """Run the command as of some days later."""
        return command.collect(self.words(*more), lambda: moment(days=days))

    def paths(self):
        return set(self.store.objects.paths())

    def demand_one_alone(self):
        assert self.store.fingerprints() == [ONE.fingerprint]
        assert self.store.lacking(self.store.graph_by_digest(ONE.identity())) == []
        wanted = {ONE.identity(), *(blob.digest for blob in ONE.blobs())}
        assert self.paths() == {graph_path(ONE.fingerprint), *map(blob_path, wanted)}


@pytest.fixture(scope="module")
def endpoint():
    with s3_server() as found:
        yield found


@pytest.fixture(params=["folder", "s3"])
def case(request, tmp_path, monkeypatch):
    if request.param == "folder":
        return Case(f"file://{tmp_path}/store", tmp_path)
    endpoint = request.getfixturevalue("endpoint")
    use_server(monkeypatch, endpoint)
    bucket = f"gc-{abs(hash(request.node.nodeid))}"
    make_bucket(endpoint, bucket)
    return Case(f"s3://{bucket}/traced", tmp_path)


@pytest.fixture
def folder(tmp_path):
    return Case(f"file://{tmp_path}/store", tmp_path)


def test_nothing_is_changed_without_being_asked_for(case, capsys):
    before = case.paths()
    assert case.gc() == 0
    assert case.paths() == before
    out = capsys.readouterr().out
    assert re.search(
        rf"^{TWO.fingerprint[:12]} FeatureExtraction +CPU +1x128 +30d ", out, re.MULTILINE
    )
    assert "would go: 1 graph, 3 blobs, 0 pins: " in out
    assert re.search(rf"^stays: 1 graph, .*: {re.escape(str(case.index))}$", out, re.MULTILINE)
    assert "nothing was changed: --delete removes it" in out


def test_what_nothing_names_is_removed_and_the_rest_is_whole(case, capsys):
    assert case.gc("--delete") == 0
    case.demand_one_alone()
    told = capsys.readouterr()
    assert "went: 1 graph, 3 blobs, 0 pins: " in told.out
    assert "blobs: 3 of 3 removed" in told.err
    assert case.gc("--delete") == 0
    case.demand_one_alone()


def test_what_is_young_stays(case):
    before = case.paths()
    assert case.gc("--delete", days=6) == 0
    assert case.paths() == before
    assert case.gc("--delete", "--older-than", "36h", days=2) == 0
    case.demand_one_alone()


def test_what_an_export_is_about_to_report_stays_until_the_grace_period_is_over(case):
    pin(case.store.objects, [TWO.identity()])
    case.gc("--delete", days=6)
    assert set(case.store.fingerprints()) == {ONE.fingerprint, TWO.fingerprint}
    case.gc("--delete", days=8)
    case.demand_one_alone()


def test_what_is_no_part_of_the_format_is_left_alone(case):
    others = {"README", "graphs/notes.txt", "blobs/sha256/short", "blobs/md5/abc"}
    for path in others:
        case.store.objects.write(path, b"mine")
    case.gc("--delete")
    assert others <= case.paths()


def test_json_has_every_path(folder, capsys):
    assert folder.gc("--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["deleted"], told["olderThanSeconds"]) == (False, 7 * 86400)
    assert [g["path"] for g in told["garbage"]["graphs"]] == [graph_path(TWO.fingerprint)]
    own = {TWO.identity(), TWO.golden.blob.digest, TWO.modules[0].graph.digest}
    assert {blob["path"] for blob in told["garbage"]["blobs"]} == set(map(blob_path, own))
    sizes = sum(item["bytes"] for kind in ("graphs", "blobs") for item in told["garbage"][kind])
    assert told["garbage"]["bytes"] == sizes
    assert [(kept["why"], kept["graphs"]) for kept in told["kept"]] == [(str(folder.index), 1)]
    assert told["tooYoung"] == []


def test_young_blobs_of_no_graph_are_told(folder, capsys):
    folder.store.put(bytes(2500))
    folder.gc(days=1)
    assert "stays: 1 blob, 2 kB: of no graph, too young" in capsys.readouterr().out


def test_metrics_are_those_of_the_page(folder, tmp_path):
    file = tmp_path / "gc.prom"
    assert folder.gc("--delete", "--metrics-file", str(file)) == 0
    text = file.read_text()
    label = f'{{store="{folder.url}"}}'
    for name, value in (("deleted", 1), ("garbage_graphs", 1), ("garbage_blobs", 3), ("kept_blobs", 6)):  # fmt: skip
        assert f"tracedmodel_gc_{name}{label} {value}.0\n" in text
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
    for name in re.findall(r"^# TYPE (\w+)", text, re.MULTILINE):
        assert f"| `{name}` | gauge |" in page


@pytest.mark.parametrize("age", ["", "7", "7w", "-1d", "0d", "23h", "1.5d", "d"])
def test_an_age_that_is_none_or_too_short_is_refused(age, capsys):
    with pytest.raises(SystemExit):
        parse("--store", "s3://a", f"--older-than={age}")
    assert "write 7d or 36h, at least 1d" in capsys.readouterr().err


def test_an_empty_world_is_not_believed(folder, capsys):
    arguments = ("--store", folder.url, "--no-cluster")
    later = lambda: moment(days=30)  # noqa: E731
    before = folder.paths()
    assert command.collect(parse(*arguments), later) == 0
    assert "warning: there is no TracedModel and no index" in capsys.readouterr().err
    reason, message = failure_of(command.collect, parse(*arguments, "--delete"), later)
    assert reason == "InvalidRequest"
    assert "--even-if-nothing-is-named" in message
    assert folder.paths() == before
    sure = parse(*arguments, "--delete", "--even-if-nothing-is-named")
    assert command.collect(sure, later) == 0
    assert folder.paths() == set()


def test_indexes_of_another_store_alone_are_not_believed_either(folder):
    folder.index.write_bytes(an_index(a_graph("elsewhere")).to_bytes())
    before = folder.paths()
    reason, message = failure_of(folder.gc, "--delete")
    assert reason == "InvalidRequest"
    assert "1 TracedModels and indexes name nothing that is in this store" in message
    assert folder.paths() == before


@pytest.mark.parametrize("young", [False, True])
def test_a_manifest_that_cannot_be_read_goes_if_it_is_old_and_else_stops_everything(folder, young):
    path = graph_path("a" * 64)
    folder.store.objects.write(path, b"{}")
    if not young:
        assert folder.gc("--delete") == 0
        return folder.demand_one_alone()
    os.utime(folder.store.url.removeprefix("file://") + f"/{path}", (2e9, 2e9))
    before = folder.paths()
    reason, message = failure_of(folder.gc, "--delete")
    assert (reason, path in message) == ("ManifestInvalid", True)
    assert folder.paths() == before
    return None


def test_a_named_manifest_that_is_corrupt_stops_everything(folder):
    folder.store.objects.write(blob_path(ONE.identity()), b"{}")
    before = folder.paths()
    assert failure_of(folder.gc, "--delete")[0] == "BlobCorrupt"
    assert folder.paths() == before


def test_a_store_that_is_not_there_is_not_made(tmp_path):
    arguments = parse("--store", f"file://{tmp_path}/nothing", "--no-cluster")
    assert failure_of(command.run, arguments)[0] == "StoreUnreachable"
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_takes_too_long_stops_and_says_so(folder):
    times = iter([moment(days=30), *[moment(days=30) + SWEEPING] * 9])
    reason, message = failure_of(command.collect, folder.words("--delete"), lambda: next(times))
    assert reason == "StoreBusy"
    assert "30 minutes are over" in message
    assert len(folder.store.fingerprints()) == 2
    # Whatever is on its way may still be carried out.
    assert len(folder.store.objects.paths(CONDEMNED)) == 1
    assert folder.gc("--delete", days=31) == 0
    folder.demand_one_alone()


def test_what_was_left_by_a_run_that_was_killed_is_forgotten_in_time(folder):
    killed = moment(days=30)
    path = condemn(folder.store.objects, killed, [])
    reason, message = failure_of(command.collect, folder.words("--delete"), lambda: killed)
    assert (reason, path in message) == ("StoreBusy", True)
    later = killed + timedelta(hours=2)
    assert command.collect(folder.words("--delete"), lambda: later) == 0
    folder.demand_one_alone()


def test_what_two_remove_one_after_the_other_is_gone_for_both(folder, monkeypatch):
    remove = sweep.Sweep.remove

    def after_another(self, first):
        monkeypatch.setattr(sweep.Sweep, "remove", remove)
        folder.gc("--delete")
        remove(self, first)

    monkeypatch.setattr(sweep.Sweep, "remove", after_another)
    assert folder.gc("--delete") == 0
    folder.demand_one_alone()


def test_more_goes_than_one_request_takes(folder, monkeypatch):
    monkeypatch.setattr(sweep, "_BATCH", 2)
    assert folder.gc("--delete") == 0
    folder.demand_one_alone()


@pytest.fixture
def clusters(tmp_path):
    """Two clusters, and a kubeconfig for each."""
    with (
        running(FakeCluster(namespaces=("search", "chat"))) as first,
        running(FakeCluster(namespaces=("search",))) as second,
    ):
        first.cluster.create(CONFIG_MAP, index_of(ONE))
        files = [str(c.kubeconfig(tmp_path / f"{n}.kube")) for n, c in enumerate((first, second))]
        yield (first, second), files


def both_named(clusters):
    (_, second), _ = clusters
    second.cluster.create(CONFIG_MAP, index_of(TWO))


def run(folder, *words, days=30):
    arguments = parse("--store", folder.url, *words)
    return command.collect(arguments, lambda: moment(days=days))


def test_what_any_of_the_clusters_names_stays(folder, clusters, capsys):
    both_named(clusters)
    _, (first, second) = clusters
    run(folder, "--delete", "--kubeconfig", first, "--kubeconfig", second)
    assert len(folder.store.fingerprints()) == 2
    told = capsys.readouterr()
    assert f"{second}: 1 TracedModels and indexes name 1 graphs" in told.err
    assert f"{second}/search/minilm-index-" in told.out
    run(folder, "--delete", "--kubeconfig", first)
    folder.demand_one_alone()


def test_contexts_of_one_file_are_clusters_too(folder, clusters, tmp_path):
    both_named(clusters)
    first, second = (json.loads(Path(file).read_text()) for file in clusters[1])
    for name, document in (("a", first), ("b", second)):
        document["clusters"][0]["name"] = document["contexts"][0]["name"] = name
        document["contexts"][0]["context"]["cluster"] = name
    for part in ("clusters", "contexts"):
        first[part] += second[part]
    first["current-context"] = "a"
    file = tmp_path / "both"
    file.write_text(json.dumps(first))
    run(folder, "--delete", "--kubeconfig", str(file), "--context", "a", "--context", "b")
    assert len(folder.store.fingerprints()) == 2
    run(folder, "--delete", "--kubeconfig", str(file), "--context", "a")
    folder.demand_one_alone()


def test_the_cluster_of_the_environment_is_read_where_none_is_named(folder, clusters, monkeypatch):
    use_kubeconfig(monkeypatch, clusters[1][0])
    run(folder, "--delete")
    folder.demand_one_alone()


def test_other_namespaces_count_as_unnamed_and_that_is_said(folder, clusters, capsys):
    (first, _), (file, _) = clusters
    first.cluster.create(CONFIG_MAP, index_of(TWO, namespace="chat"))
    run(folder, "--delete", "--kubeconfig", file)
    assert len(folder.store.fingerprints()) == 2
    run(folder, "--delete", "--kubeconfig", file, "--namespace", "search")
    assert "what namespaces other than search name counts as unnamed" in capsys.readouterr().err
    folder.demand_one_alone()


def test_a_cluster_that_cannot_be_read_stops_everything(folder, clusters, tmp_path):
    (first, second), (one, two) = clusters
    before = folder.paths()
    both = ("--delete", "--kubeconfig", one, "--kubeconfig", two)
    second.faults.next(FORBIDDEN)
    reason, message = failure_of(run, folder, *both)
    assert (reason, message.partition(": ")[0]) == ("ClusterUnreachable", two)
    second.stop()
    assert failure_of(run, folder, *both)[0] == "ClusterUnreachable"
    second.start()
    for words in (
        ("--kubeconfig", str(tmp_path / "none")),
        ("--kubeconfig", one, "--context", "x"),
    ):
        assert failure_of(run, folder, "--delete", *words)[0] == "ClusterUnreachable"
    assert folder.paths() == before
    assert first.cluster.objects(CONFIG_MAP)


@pytest.mark.parametrize(
    "words",
    [
        ("--no-cluster", "--kubeconfig", "a"),
        ("--no-cluster", "--context", "a"),
        ("--no-cluster", "--namespace", "a"),
        ("--kubeconfig", "a", "--kubeconfig", "b", "--context", "c"),
        ("--no-cluster", "--index", "/nothing/there"),
    ],
)
def test_arguments_that_do_not_go_together_are_refused(folder, words):
    assert failure_of(run, folder, *words)[0] == "InvalidRequest"
