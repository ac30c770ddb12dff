"""Who names what: objects of a cluster and index files."""

import asyncio

import pytest

from apiserver import FakeCluster, Faults, InProcess
from apiserver.faults import EXPIRED, FORBIDDEN
from builders import a_graph, an_index
from indexes import index_of
from manifest_base import manifest
from tracedmodel_api.report import Failure
from tracedmodel_operator.errors import Expired, Refused
from tracedmodel_operator.gc.clusters import read_cluster
from tracedmodel_operator.gc.roots import Roots, merge, of_index, roots_of
from tracedmodel_operator.kinds import CONFIG_MAP, TRACED_MODEL
from tracedmodel_operator.kube import Kube

ONE, TWO = a_graph("one"), a_graph("two")


def with_status(*digests):
    buckets = [{"digest": digest} for digest in digests]
    found = manifest({"metadata.namespace": "search"})
    return {**found, "status": {"artifact": {"buckets": buckets}}}


def failure_of(action, *arguments):
    with pytest.raises(Failure) as caught:
        action(*arguments)
    return caught.value.reason.name, str(caught.value)


def test_an_index_names_its_graphs_and_files():
    found = roots_of([index_of(ONE, TWO)], "prod")
    holder = f"prod/search/{index_of(ONE, TWO)['metadata']['name']}"
    assert found.graphs == dict.fromkeys((ONE.identity(), TWO.identity()), frozenset([holder]))
    assert set(found.files) == {blob.digest for blob in ONE.files.values()}
    assert found.by_holder() == {holder: {ONE.identity(), TWO.identity()}}


def test_a_status_names_its_graphs_before_there_is_an_index():
    found = roots_of([with_status(ONE.identity(), "", "odd")], "prod")
    assert found.graphs == {ONE.identity(): frozenset(["prod/search/minilm"])}


def test_a_resource_without_a_status_is_counted_and_names_nothing():
    assert roots_of([manifest({"metadata.namespace": "search"})], "prod") == Roots(
        {}, {}, 1, frozenset(["search"])
    )


def test_other_config_maps_name_nothing():
    other = index_of(ONE, data={"a": "b"})
    other["metadata"]["annotations"] = {}
    assert roots_of([other, {**other, "data": None}], "prod") == Roots()


@pytest.mark.parametrize("data", [{}, {"index.json": ""}, {"index.json": "[]"}, {"index.json": '{"formatVersion": 1}'}])  # fmt: skip
def test_an_index_that_cannot_be_read_stops_everything(data):
    reason, message = failure_of(roots_of, [index_of(ONE, data=data)], "prod")
    assert reason == "ManifestInvalid"
    assert message.startswith("prod/search/minilm-index-")


def test_an_index_of_a_newer_format_stops_everything():
    reason, message = failure_of(of_index, '{"formatVersion": 2}', "a file")
    assert (reason, message) == ("FormatUnsupported", "a file has format 2; this version reads 1")


def test_what_several_name_is_named_by_all_of_them():
    found = merge([of_index(an_index(ONE).to_bytes(), name) for name in "ab"])
    assert found.graphs == {ONE.identity(): frozenset("ab")}
    assert found.holders == 2


@pytest.fixture
def cluster():
    found = FakeCluster(namespaces=("search", "chat"))
    found.create(CONFIG_MAP, index_of(ONE))
    found.create(CONFIG_MAP, index_of(TWO, namespace="chat"))
    found.create(TRACED_MODEL, manifest({"metadata.namespace": "search"}))
    return found


def read(cluster, *namespaces, faults=None):
    kube = Kube(InProcess(cluster, faults))
    return asyncio.run(read_cluster(kube, "prod", namespaces or [None]))


def test_a_cluster_is_read_whole_or_by_namespace(cluster):
    whole = read(cluster)
    assert (set(whole.graphs), whole.holders) == ({ONE.identity(), TWO.identity()}, 3)
    assert set(read(cluster, "search").graphs) == {ONE.identity()}
    assert set(read(cluster, "search", "chat").graphs) == set(whole.graphs)


def test_a_cluster_is_asked_for_nothing_but_two_lists(cluster):
    seen = len(cluster.log)
    read(cluster)
    asked = list(cluster.log)[seen:]
    assert [(request.method, request.path.rpartition("/")[2]) for request in asked] == [
        ("GET", "tracedmodels"),
        ("GET", "configmaps"),
    ]


def test_a_list_that_takes_too_long_begins_again_a_few_times(cluster):
    faults = Faults()
    faults.next(EXPIRED)
    assert read(cluster, faults=faults).holders == 3
    faults = Faults()
    for request in (1, 2, 3):
        faults.at(EXPIRED, request)
    with pytest.raises(Expired):
        read(cluster, faults=faults)


def test_a_cluster_that_does_not_let_itself_be_read_is_no_empty_cluster(cluster):
    faults = Faults()
    faults.next(FORBIDDEN)
    with pytest.raises(Refused):
        read(cluster, faults=faults)
