"""A store that refuses, stalls, hangs up and tells of the past."""

import itertools
import os

import pytest

from builders import a_graph, a_published_graph, bytes_of
from faulty import cut_down, cut_up, hang_up, hang_up_after, stall, status
from tracedmodel_api import objects as module
from tracedmodel_api.objects import Objects
from tracedmodel_api.report import Failure
from tracedmodel_api.store import Store

BIG = os.urandom(20 * 2**20 + 3)
"""More than one part, up and down."""
REFUSALS = {
    "500": status(500),
    "503": status(503, "SlowDown"),
    "429": status(429, "SlowDown"),
    "hang up": hang_up,
    "hang up after": hang_up_after,
}
DOWN = {**REFUSALS, "cut": cut_down}
UP = {**REFUSALS, "cut": cut_up}


@pytest.fixture
def url(behind, request):
    return f"{behind.url}/{abs(hash(request.node.nodeid))}"


@pytest.fixture
def objects(url, faults):  # noqa: ARG001  # the environment first
    return Objects(url, "SourceUnreachable")


@pytest.fixture
def store(url, faults):  # noqa: ARG001  # the environment first
    return Store(url)


def failure_of(action, *arguments):
    with pytest.raises(Failure) as caught:
        action(*arguments)
    return caught.value.reason.name, str(caught.value)


@pytest.mark.parametrize("kind", DOWN)
def test_reading_is_tried_again_and_gives_the_whole(objects, faults, kind):
    objects.write("small", b"hello" * 100)
    objects.write("big", BIG)
    faults.add(DOWN[kind], "GET", "small", times=2)
    faults.add(DOWN[kind], "GET", "big", times=2, after=1)
    assert objects.read("small") == b"hello" * 100
    assert b"".join(objects.stream("big")) == BIG
    assert len(faults.applied) == 4


@pytest.mark.parametrize("kind", REFUSALS)
def test_looking_is_tried_again(objects, faults, kind):
    objects.write("small", b"hello")
    faults.add(REFUSALS[kind], "HEAD", times=2)
    faults.add(REFUSALS[kind], "GET", "list-type", times=2)
    assert objects.size("small") == 5
    assert objects.paths() == ["small"]
    assert len(faults.applied) == 4


@pytest.mark.parametrize("kind", UP)
def test_writing_is_tried_again_and_stores_the_whole(objects, faults, kind, tmp_path):
    file = tmp_path / "big"
    file.write_bytes(BIG)
    for path in ("small", "big", "fresh"):
        faults.add(UP[kind], "PUT", path, times=2)
    faults.add(UP[kind], "POST", "big", times=1)
    objects.write("small", b"hello")
    objects.write("big", file)
    objects.create("fresh", b"once")
    assert len(faults.applied) == 7
    assert (objects.read("small"), objects.read("fresh")) == (b"hello", b"once")
    assert b"".join(objects.stream("big")) == BIG


@pytest.mark.parametrize("kind", DOWN)
def test_a_fault_that_stays_is_a_transient_failure(objects, faults, kind):
    objects.write("big", BIG)
    faults.add(DOWN[kind], "GET", times=-1)
    assert failure_of(objects.read, "big")[0] == "SourceUnreachable"
    assert failure_of(lambda: list(objects.stream("big")))[0] == "SourceUnreachable"
    assert len(faults.applied) > 4


def test_the_next_try_waits_and_the_one_after_it_no_less(url, faults, monkeypatch):
    """What it waits is drawn: only the least is certain."""
    monkeypatch.setitem(module._BACKOFF, "init_backoff", module.timedelta(milliseconds=40))
    monkeypatch.setitem(module._BACKOFF, "max_backoff", module.timedelta(milliseconds=60))
    faults.add(status(503, "SlowDown"), times=3)
    Objects(url, "SourceUnreachable").write("small", b"hello")
    waited = [later - moment for moment, later in itertools.pairwise(faults.moments)]
    assert len(waited) == 3
    assert all(seconds >= 0.04 for seconds in waited)


@pytest.mark.parametrize("kind", ["quota", "denied"])
def test_a_refusal_that_no_other_try_would_change_is_told_at_once(objects, faults, kind):
    names = {"quota": "QuotaExceeded", "denied": "AccessDenied"}
    faults.add(status(403, names[kind]), "PUT", times=-1)
    reason, message = failure_of(objects.write, "small", b"hello")
    assert (reason, names[kind] in message) == ("SourceUnreachable", True)
    assert len(faults.applied) == 1


def test_a_store_that_stalls_once_is_asked_again(url, faults, monkeypatch):
    monkeypatch.setattr(module, "_TIMEOUT", module.timedelta(milliseconds=200))
    objects = Objects(url, "SourceUnreachable")
    faults.add(stall, "PUT", times=1)
    faults.add(stall, "GET", times=1)
    objects.write("small", b"hello")
    assert objects.read("small") == b"hello"
    assert len(faults.applied) == 2


@pytest.mark.parametrize("kind", UP)
def test_a_store_that_takes_nothing_has_nothing_of_a_graph(store, faults, kind):
    graph = a_graph()
    faults.add(UP[kind] if kind != "hang up after" else hang_up, "PUT", times=-1)
    assert failure_of(a_published_graph, store)[0] == "StoreUnreachable"
    assert failure_of(store.publish, graph)[0] == "StoreUnreachable"
    assert store.fingerprints() == []


@pytest.mark.parametrize("number", range(7))
def test_a_store_that_fails_at_any_write_has_no_manifest_without_its_blobs(store, faults, number):
    faults.add(status(500), "PUT", times=-1, after=number)
    assert failure_of(a_published_graph, store)[0] == "StoreUnreachable"
    assert store.fingerprints() == []
    faults.clear()
    graph = a_published_graph(store)
    assert store.lacking(graph) == []


def test_a_creation_that_was_done_but_never_heard_of_is_ours(store, faults):
    faults.add(hang_up_after, "PUT", "graphs/", times=1)
    graph = a_published_graph(store)
    assert faults.applied
    assert store.graph(graph.fingerprint) == graph
    assert store.lacking(graph) == []


def test_a_store_that_stalls_is_a_transient_failure(url, faults, monkeypatch):
    monkeypatch.setattr(module, "_TIMEOUT", module.timedelta(milliseconds=200))
    monkeypatch.setitem(module._RETRIES, "max_retries", 1)
    store = Store(url)
    for data in bytes_of(a_graph()):
        store.put(data)
    faults.add(stall, times=-1)
    assert failure_of(store.read, a_graph().golden.blob.digest)[0] == "StoreUnreachable"
    assert failure_of(store.publish, a_graph())[0] == "StoreUnreachable"
    faults.clear()
    assert store.fingerprints() == []


def test_a_stale_answer_that_there_is_no_manifest_makes_no_second_one(store, faults):
    winner = a_published_graph(store, created="2024-01-01T00:00:00Z")
    faults.add(status(404, "NoSuchKey"), "GET", "graphs/", times=1)
    assert store.graph(winner.fingerprint) is None
    assert a_published_graph(store, created="2025-01-01T00:00:00Z") == winner


def test_a_stale_answer_that_there_is_no_blob_costs_a_second_write_of_the_same(store, faults):
    blob = store.put(b"hello")
    faults.add(status(404, "NoSuchKey"), "HEAD", "blobs/", times=1)
    assert store.put(b"hello") == blob
    assert store.read(blob.digest) == b"hello"


def test_an_object_that_is_replaced_while_it_is_read_is_never_two_halves(store_url):
    objects = Objects(store_url, "SourceUnreachable", create=True)
    objects.write("big", BIG)
    parts = objects.stream("big")
    next(parts)
    objects.write("big", bytes(len(BIG)))
    assert "it was replaced while it was read" in failure_of(next, parts)[1]


def test_a_part_that_comes_short_is_a_failure(store_url, monkeypatch):
    """Whatever a client library makes of a body that ends early."""
    objects = Objects(store_url, "SourceUnreachable", create=True)
    objects.write("big", BIG)
    get = module.obstore.get

    class Short:
        def __init__(self, answer):
            self._answer = answer

        def bytes(self):
            return bytes(self._answer.bytes())[:-1]

    monkeypatch.setattr(module.obstore, "get", lambda *a, **k: Short(get(*a, **k)))
    assert "8388607 bytes came of 8388608" in failure_of(lambda: list(objects.stream("big")))[1]


@pytest.mark.parametrize("kind", REFUSALS)
def test_deleting_is_tried_again(objects, faults, kind):
    for name in "ab":
        objects.write(name, b"x")
    faults.add(REFUSALS[kind], "POST", "delete", times=2)
    objects.delete("ab")
    assert objects.paths() == []
    assert len(faults.applied) == 2
