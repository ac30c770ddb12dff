import asyncio

import pytest

from apiserver import FakeCluster, Faults, InProcess
from apiserver.faults import BROKEN, to
from manifest_base import manifest
from tracedmodel_operator import wire
from tracedmodel_operator.cache import Cache
from tracedmodel_operator.errors import NotFound, Unavailable
from tracedmodel_operator.intake import Intake
from tracedmodel_operator.kinds import CONFIG_MAP, JOB, TRACED_MODEL, watched
from tracedmodel_operator.kube import Kube
from tracedmodel_operator.pulse import Pulse, deafness

NAMES = ["a", "b", "c"]
LABELS = {"app.kubernetes.io/managed-by": "tracedmodel-operator", "tracedmodel.dev/model": "a"}


class Inlet:
    """An intake before a cluster, whose time stands still."""

    def __init__(self):
        self.cluster = FakeCluster(namespaces=("search", "other"))
        self.faults = Faults()
        self.now = 0.0
        self.added = []
        self.cache = Cache()
        self.pulse = Pulse(lambda: self.now)
        self.intake = Intake(self.cache, self.pulse, self.added.append)
        self.changes = self.cluster.subscribe(TRACED_MODEL, CONFIG_MAP, JOB)

    def create(self, name, namespace="search"):
        metadata = {"metadata.name": name, "metadata.namespace": namespace}
        self.cluster.create(TRACED_MODEL, manifest(metadata))

    def hear(self):
        for change in self.changes:
            self.intake.hear(change.kind, change.type, change.object)

    def list_all(self, *namespaces):
        carried = Kube(InProcess(self.cluster, self.faults))
        asyncio.run(self.intake.list_all(carried, namespaces or [None]))

    def added_since(self):
        added = sorted(name for _, name in self.added)
        self.added.clear()
        return added

    def deaf(self, seconds):
        self.now += seconds
        return deafness(self.pulse.signs(), 1e9, 100)


@pytest.fixture
def inlet():
    return Inlet()


@pytest.fixture
def paged(monkeypatch):
    monkeypatch.setattr(wire, "PAGE", 1)


def test_what_is_heard_is_kept_and_looked_at(inlet):
    inlet.create("a")
    inlet.hear()
    assert inlet.added_since() == ["a"]
    assert inlet.cache.resource(("search", "a"))["spec"]


def test_what_is_heard_twice_is_looked_at_once(inlet):
    inlet.create("a")
    inlet.list_all()
    inlet.hear()
    assert inlet.added_since() == ["a"]


def test_a_child_is_news_of_its_resource(inlet):
    metadata = {"name": "minilm-index", "namespace": "search", "labels": LABELS}
    inlet.cluster.create(CONFIG_MAP, {"metadata": metadata})
    inlet.hear()
    assert inlet.added_since() == ["a"]


def test_what_is_nobodys_child_is_nobodys_news(inlet):
    inlet.cluster.create(CONFIG_MAP, {"metadata": {"name": "a", "namespace": "search"}})
    inlet.hear()
    assert inlet.added_since() == []


def test_a_deletion_that_is_heard_is_looked_at(inlet):
    inlet.create("a")
    inlet.hear()
    inlet.added_since()
    inlet.cluster.delete(TRACED_MODEL, "search", "a")
    inlet.hear()
    assert inlet.added_since() == ["a"]
    assert inlet.cache.resource(("search", "a")) is None


def test_a_list_finds_what_came_changed_and_went(inlet):
    for name in ("changed", "gone", "same"):
        inlet.create(name)
    inlet.list_all()
    assert inlet.added_since() == ["changed", "gone", "same"]
    inlet.create("come")
    inlet.cluster.merge(TRACED_MODEL, "search", "changed", {"spec": {"serving": {"replicas": 7}}})
    inlet.cluster.delete(TRACED_MODEL, "search", "gone")
    inlet.list_all()
    assert inlet.added_since() == ["changed", "come", "gone"]
    inlet.list_all()
    assert inlet.added_since() == []


def test_a_list_of_some_namespaces_leaves_the_others_alone(inlet):
    inlet.create("a", "search")
    inlet.create("b", "other")
    inlet.list_all("search")
    assert inlet.added_since() == ["a"]
    inlet.list_all("other")
    assert inlet.added_since() == ["b"]
    assert inlet.cache.resource(("search", "a"))
    assert inlet.cache.resource(("other", "b"))


@pytest.mark.usefixtures("paged")
def test_a_list_of_many_pages_is_one_list(inlet):
    for name in NAMES:
        inlet.create(name)
    inlet.list_all()
    inlet.list_all()
    assert inlet.added_since() == NAMES


@pytest.mark.usefixtures("paged")
def test_what_a_list_that_breaks_off_had_found_is_looked_at(inlet):
    for name in NAMES:
        inlet.create(name)
    inlet.faults.at(BROKEN, 3, when=to("tracedmodels"))
    with pytest.raises(Unavailable):
        inlet.list_all()
    assert inlet.added_since() == ["a", "b"]


@pytest.mark.usefixtures("paged")
def test_a_list_that_breaks_off_takes_nothing_away(inlet):
    for name in NAMES:
        inlet.create(name)
    inlet.list_all()
    inlet.added_since()
    inlet.cluster.delete(TRACED_MODEL, "search", "a")
    inlet.faults.at(BROKEN, 2, when=to("tracedmodels"))
    with pytest.raises(Unavailable):
        inlet.list_all()
    assert all(inlet.cache.resource(("search", name)) for name in NAMES)


def test_a_watch_that_never_tells_what_a_list_finds_is_deaf(inlet):
    inlet.pulse.expect([TRACED_MODEL.name])
    inlet.create("a")
    inlet.list_all()
    assert inlet.deaf(100) is None
    assert "TracedModel" in inlet.deaf(1)
    inlet.hear()
    assert inlet.deaf(1000) is None


def test_a_watch_that_tells_at_once_what_lists_find_later_is_not(inlet):
    inlet.pulse.expect([TRACED_MODEL.name])
    inlet.create("a")
    inlet.hear()
    inlet.list_all()
    assert inlet.deaf(1000) is None


def test_a_deletion_that_only_a_list_finds_is_no_fault_of_the_watch(inlet):
    """A watch that was begun anew does not tell of what went meanwhile."""
    inlet.create("a")
    inlet.hear()
    inlet.pulse.expect([TRACED_MODEL.name])
    inlet.cluster.delete(TRACED_MODEL, "search", "a")
    inlet.list_all()
    assert inlet.cache.resource(("search", "a")) is None
    assert inlet.deaf(1000) is None


def test_nobody_is_deaf_where_nothing_happens(inlet):
    inlet.create("a")
    inlet.list_all()
    inlet.hear()
    inlet.pulse.expect([TRACED_MODEL.name, JOB.name])
    for _ in range(10):
        inlet.list_all()
        assert inlet.deaf(300) is None


def test_only_the_kinds_that_are_there_are_listed(inlet):
    inlet.cluster.missing_groups.add("keda.sh")
    inlet.list_all()
    inlet.intake.kinds = watched(keda=True)
    with pytest.raises(NotFound):
        inlet.list_all()
