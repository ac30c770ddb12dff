"""What a change in Git does, as docs/gitops.md says: models pruned, renamed and moved, and clusters that share a store.

The operator, the exporter and the clean-up are the real ones; nothing is traced, and the stores are in memory.
"""

import pytest

from apiserver.outcomes import Runs
from apiserver.patch import merge_patch
from apiserver.registry import NAMESPACE
from apiserver.writes import APPLY_TYPE
from applying import GITOPS_TOOL, MANIFESTS
from exporting import ExportingCluster, Stores
from tracedmodel_api.report import Failure
from tracedmodel_operator.kinds import CHILDREN, SERVICE, TRACED_MODEL
from tracedmodel_operator.kube import Request

MODEL = MANIFESTS["minilm.yaml"]
BUCKETS = len(MODEL["spec"]["export"]["buckets"])
OTHER = merge_patch(MODEL, {"metadata": {"name": "other"}, "spec": {"model": {"task": "FillMask"}}})
RENAMED = merge_patch(MODEL, {"metadata": {"name": "embeddings"}})
STORE = "s3://models/traced"


class Environment(ExportingCluster):
    """A cluster that a GitOps tool keeps at what is in Git."""

    def __init__(self, stores, name="cluster", store=STORE):
        super().__init__(stores, name, default_store_url=store)
        self.git = []

    def sync(self, *items, prune=True):
        """Have Git be this: apply all of it, then delete what it has no more, and let everybody act."""
        for item in items:
            self._apply(item)
        self.settle()
        if prune:
            for item in self.git:
                if _key(item) not in map(_key, items):
                    self.cluster.delete(TRACED_MODEL, *_key(item))
            self.git = list(items)
            self.settle()

    def _apply(self, item):
        path = TRACED_MODEL.path(*_key(item))
        query = {"fieldManager": GITOPS_TOOL, "force": "true"}
        answer = self.cluster.handle(Request("PATCH", path, query, item, APPLY_TYPE), "git")
        assert answer.status < 400, answer.body

    def serves(self, item):
        """Return the digest of what a model serves; None unless it is as Git has it."""
        found = (self.cluster.get(TRACED_MODEL, *_key(item)) or {}).get("status", {})
        ready = ("Ready", "True") in {(c["type"], c["status"]) for c in found.get("conditions", ())}
        return found["serving"]["artifactDigest"] if ready else None

    def services(self):
        return self.names(SERVICE)["Service"]

    def leftovers(self):
        return [name for names in self.names(*CHILDREN).values() for name in names]


def _key(item):
    return item["metadata"].get("namespace", "search"), item["metadata"]["name"]


@pytest.fixture
def stores(monkeypatch):
    return Stores(monkeypatch)


def graphs(paths):
    return [path for path in paths if path.startswith("graphs/")]


def test_a_pruned_model_ends_at_once_and_leaves_its_graphs(stores):
    environment = Environment(stores)
    environment.sync(MODEL)
    assert environment.serves(MODEL)
    stored = stores.paths(STORE)
    environment.sync()
    assert environment.leftovers() == []
    assert stores.paths(STORE) == stored
    assert len(graphs(stored)) == BUCKETS


def test_a_model_that_is_pruned_while_it_is_exported_ends_its_export(stores):
    environment = Environment(stores)
    environment.controllers.jobs = lambda _: Runs()
    environment.sync(MODEL)
    assert environment.live_jobs()
    environment.sync()
    assert environment.leftovers() == []
    assert stores.by_url == {}


def test_a_model_that_comes_back_before_a_clean_up_traces_nothing(stores):
    environment = Environment(stores)
    environment.sync(MODEL, OTHER)
    artifact = environment.serves(MODEL)
    environment.sync(OTHER)
    environment.sync(MODEL, OTHER)
    assert environment.traced == [BUCKETS, BUCKETS, 0]
    assert environment.serves(MODEL) == artifact


def test_a_model_that_comes_back_after_a_clean_up_is_traced_again(stores):
    environment = Environment(stores)
    environment.sync(MODEL, OTHER)
    environment.sync(OTHER)
    stores.pass_days(30)
    assert len(graphs(stores.clean(STORE, environment))) == BUCKETS
    environment.sync(MODEL, OTHER)
    assert environment.traced == [BUCKETS, BUCKETS, BUCKETS]
    assert environment.serves(MODEL)
    assert environment.serves(OTHER)


def test_a_renamed_model_serves_under_both_names_until_the_old_one_is_pruned_last(stores):
    environment = Environment(stores)
    environment.sync(MODEL)
    environment.sync(RENAMED, prune=False)
    assert environment.serves(MODEL) == environment.serves(RENAMED)
    assert sorted(environment.services()) == ["embeddings", "minilm"]
    environment.sync(RENAMED)
    assert environment.services() == ["embeddings"]
    assert environment.serves(RENAMED)
    assert environment.traced == [BUCKETS, 0]


def test_a_model_that_is_pruned_before_the_renamed_one_serves_leaves_a_gap_and_no_export(stores):
    environment = Environment(stores)
    environment.sync(MODEL)
    artifact = environment.serves(MODEL)
    environment.sync()
    assert environment.services() == []
    environment.sync(RENAMED)
    assert environment.serves(RENAMED) == artifact
    assert environment.traced == [BUCKETS, 0]


def test_a_clean_up_after_a_rename_takes_nothing_that_the_new_name_serves(stores):
    environment = Environment(stores)
    environment.sync(MODEL)
    environment.sync(RENAMED)
    stores.pass_days(30)
    assert graphs(stores.clean(STORE, environment)) == []
    environment.sync(MODEL)
    assert environment.traced == [BUCKETS, 0, 0]


@pytest.mark.parametrize(
    ("store", "traced"), [(STORE, 0), ("s3://models/{namespace}", BUCKETS)], ids=["one", "each"]
)
def test_another_namespace_finds_the_graphs_unless_each_has_a_store_of_its_own(
    stores, store, traced
):
    environment = Environment(stores, store=store)
    environment.cluster.create(NAMESPACE, {"metadata": {"name": "chat"}})
    moved = merge_patch(MODEL, {"metadata": {"namespace": "chat"}})
    environment.sync(MODEL)
    environment.sync(moved)
    assert environment.traced == [BUCKETS, traced]
    assert environment.serves(moved)
    assert environment.serves(MODEL) is None


class TestTwoClustersWithOneStore:
    @pytest.fixture
    def clusters(self, stores):
        both = Environment(stores, "one"), Environment(stores, "two")
        for cluster in both:
            cluster.sync(MODEL)
        return both

    def test_the_second_traces_nothing_and_serves_the_same(self, clusters):
        one, two = clusters
        assert (one.traced, two.traced) == ([BUCKETS], [0])
        assert one.serves(MODEL) == two.serves(MODEL)

    def test_a_model_that_is_pruned_in_one_takes_nothing_from_the_other(self, stores, clusters):
        one, two = clusters
        one.sync()
        stores.pass_days(30)
        assert graphs(stores.clean(STORE, one, two)) == []
        assert two.serves(MODEL)

    def test_what_a_cluster_serves_that_a_clean_up_is_not_told_of_is_garbage(
        self, stores, clusters
    ):
        one, two = clusters
        one.sync(OTHER)
        stores.pass_days(30)
        assert len(graphs(stores.clean(STORE, one))) == BUCKETS
        # It serves from memory; a replica that starts would find nothing, and a new export makes it whole.
        assert two.serves(MODEL)
        asked = {"metadata": {"annotations": {"tracedmodel.dev/requested-at": "again"}}}
        two.sync(merge_patch(MODEL, asked))
        assert two.traced == [0, BUCKETS]

    def test_a_cluster_without_a_model_is_not_taken_for_all_there_are(self, stores, clusters):
        one, _ = clusters
        one.sync()
        stores.pass_days(30)
        with pytest.raises(Failure, match="there is no TracedModel"):
            stores.clean(STORE, one)
