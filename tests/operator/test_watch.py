"""Watches against an API server over HTTP: whatever becomes of them, what happens is heard."""

import asyncio
import functools
import gc
import getpass
import itertools
import os

import pytest
from kopf._core.reactor.inventory import ResourceMemory

from apiserver import FakeCluster, Faults
from apiserver.faults import BROKEN, FORBIDDEN, THROTTLED, Cut, Gone, Lost, Silent, watches
from apiserver.kubeconfig import use_kubeconfig
from apiserver.running import running
from listener import listening
from manifest_base import manifest
from tracedmodel_operator import watch
from tracedmodel_operator.kinds import CONFIG_MAP, TRACED_MODEL
from tracedmodel_operator.pulse import deafness
from tracedmodel_operator.watch import EndlessBackoff

FOREVER = 1e9


@pytest.fixture
def server(monkeypatch, tmp_path):
    monkeypatch.setattr(watch, "_SILENT_SECONDS", 0.3)
    monkeypatch.setattr(watch, "_FIRST_WAIT", 0.01)
    cluster = FakeCluster(namespaces=("search", "other"))
    with running(cluster, Faults()) as found:
        use_kubeconfig(monkeypatch, found.kubeconfig(tmp_path / "kubeconfig"))
        yield found


def create(server, name="minilm", namespace="search"):
    document = manifest({"metadata.name": name, "metadata.namespace": namespace})
    server.cluster.create(TRACED_MODEL, document)


def runs(scenario):
    """Make a test of a coroutine."""

    @functools.wraps(scenario)
    def test(**arguments):
        asyncio.run(scenario(**arguments))

    return test


@runs
async def test_nothing_is_kept_of_an_object_that_was_told_of(server):
    names = [f"m{number}" for number in range(20)]
    for name in names:
        create(server, name)
    async with listening(server) as told:
        await told.until(lambda: {("search", name) for name in names} <= set(told.keys))
        await told.until(lambda: not any(type(one) is ResourceMemory for one in gc.get_objects()))


@runs
async def test_what_is_there_and_what_comes_is_told(server):
    create(server, "old")
    async with listening(server) as told:
        await told.watches()
        create(server, "new")
        await told.until(lambda: {("search", "old"), ("search", "new")} <= set(told.keys))
        server.cluster.delete(TRACED_MODEL, "search", "old")
        await told.until(lambda: told.cache.resource(("search", "old")) is None)
        assert told.cache.resource(("search", "new"))


@runs
async def test_a_user_that_is_a_mere_number_may_watch_as_in_a_pod(server, monkeypatch):
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_000)
    with pytest.raises(KeyError):
        getpass.getuser()
    create(server)
    async with listening(server) as told:
        await told.until(lambda: told.keys)


@runs
async def test_only_what_the_operator_makes_is_told_of_other_kinds(server):
    mine = {"app.kubernetes.io/managed-by": "tracedmodel-operator", "tracedmodel.dev/model": "a"}
    theirs = {**mine, "app.kubernetes.io/managed-by": "Helm", "tracedmodel.dev/model": "b"}
    async with listening(server) as told:
        await told.watches()
        for name, labels in (("theirs", theirs), ("mine", mine)):
            metadata = {"name": name, "namespace": "search", "labels": labels}
            server.cluster.create(CONFIG_MAP, {"metadata": metadata})
        await told.until(lambda: told.keys)
        assert told.keys == [("search", "a")]


@runs
async def test_only_named_namespaces_are_watched(server):
    async with listening(server, ["search"]) as told:
        await told.watches()
        create(server, namespace="other")
        create(server, namespace="search")
        await told.until(lambda: told.keys)
        assert told.keys == [("search", "minilm")]
    assert all("/namespaces/search/" in r.path for r in server.cluster.log if watches(r))


def cut(server):
    server.faults.next(Cut(), times=5, when=watches)
    server.end_watches()


def go_silent(server):
    server.faults.next(Silent(), times=14, when=watches)
    server.end_watches()


def become_too_old(server):
    server.faults.next(Gone(), times=7, when=watches)
    server.end_watches()


def forget(server):
    server.stop()
    server.cluster.compact()
    server.start()


def restart(server):
    server.stop()
    server.start()


def fail(fault, server):
    server.faults.next(fault, times=30)
    server.end_watches()


TROUBLE = {
    "cut": cut,
    "silent": go_silent,
    "too old": become_too_old,
    "forgotten by a server that was restarted": forget,
    "ended by a server that was restarted": restart,
    "broken": functools.partial(fail, BROKEN),
    "forbidden": functools.partial(fail, FORBIDDEN),
    "never answered": functools.partial(fail, Lost(carried_out=False)),
}


@pytest.mark.parametrize("name", TROUBLE)
def test_what_happens_during_and_after_trouble_is_told(server, name):
    @runs
    async def scenario():
        async with listening(server) as told:
            await told.watches()
            TROUBLE[name](server)
            create(server, "during")
            await told.until(lambda: ("search", "during") in told.keys)
            create(server, "after")
            await told.until(lambda: ("search", "after") in told.keys)

    scenario()


@runs
async def test_an_overloaded_server_is_given_the_time_that_it_asks_for(server):
    async with listening(server) as told:
        await told.watches()
        fail(THROTTLED, server)
        create(server)
        await told.until(lambda: told.keys)


@runs
async def test_a_deletion_that_no_watch_told_of_is_found_by_the_next_list(server):
    create(server)
    async with listening(server) as told:
        await told.watches()
        await told.until(lambda: told.keys)
        server.stop()
        server.cluster.delete(TRACED_MODEL, "search", "minilm")
        server.cluster.compact()
        server.start()
        await told.watches()
        create(server, "later")
        await told.until(lambda: ("search", "later") in told.keys)
        told.keys.clear()
        await told.list_all()
        assert told.keys == [("search", "minilm")]
        assert told.cache.resource(("search", "minilm")) is None
        assert told.cache.resource(("search", "later"))


def test_waits_grow_and_never_end():
    waits = list(itertools.islice(EndlessBackoff(), 100))
    assert waits[:3] == [0.1, 0.2, 0.4]
    assert waits == sorted(waits)
    assert waits[-1] == 60


def of_resources(request):
    return watches(request) and request.path.endswith("/tracedmodels")


@runs
async def test_a_watch_that_stays_silent_is_deaf_once_a_list_found_something(server):
    server.faults.always(Silent(), when=of_resources)
    async with listening(server) as told:
        await told.watches()
        assert deafness(told.pulse.signs(), FOREVER, 0) is None
        create(server)
        await told.list_all()
        await told.until(lambda: deafness(told.pulse.signs(), FOREVER, 0))
        assert deafness(told.pulse.signs(), FOREVER, 0).endswith(": TracedModel")
        server.faults.clear()
        await told.until(lambda: deafness(told.pulse.signs(), FOREVER, 0) is None)
