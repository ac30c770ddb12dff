"""What the operator relies on in lists and watches. On the fake, and on a real API server."""

import pytest

from cluster_objects import config_map
from tracedmodel_operator.errors import Expired
from tracedmodel_operator.kinds import CONFIG_MAP, JOB, LEASE

pytestmark = pytest.mark.cluster

SELECTORS = {
    "app=a": ["a1", "a2"],
    "app==a,tier=x": ["a1"],
    "app!=a": ["b1", "none"],
    "app in (a,b)": ["a1", "a2", "b1"],
    "app notin (a)": ["b1", "none"],
    "app": ["a1", "a2", "b1"],
    "!app": ["none"],
    "app,tier": ["a1"],
}


def labelled(api):
    """Create objects with labels."""
    api.create(CONFIG_MAP, config_map("a1", labels={"app": "a", "tier": "x"}))
    api.create(CONFIG_MAP, config_map("a2", labels={"app": "a"}))
    api.create(CONFIG_MAP, config_map("b1", labels={"app": "b"}))
    api.create(CONFIG_MAP, config_map("none"))


def ours(api, **query):
    """Return the names of a list without what clusters put into every namespace: certificates."""
    return [name for name in api.names(CONFIG_MAP, **query) if not name.endswith(".crt")]


def version(api):
    return api.done("GET", api.path(CONFIG_MAP))["metadata"]["resourceVersion"]


def seen(events):
    return [(e["type"], e["object"]["metadata"].get("name")) for e in events]


def test_a_list_says_what_it_is_and_its_items_do_not(api):
    api.create(CONFIG_MAP, config_map())
    found = api.done("GET", api.path(CONFIG_MAP))
    assert (found["kind"], found["apiVersion"]) == ("ConfigMapList", "v1")
    assert int(found["metadata"]["resourceVersion"]) > 0
    assert not {"kind", "apiVersion"} & found["items"][0].keys()


@pytest.mark.parametrize("selector", SELECTORS)
def test_a_label_selector_chooses(api, selector):
    labelled(api)
    assert ours(api, labelSelector=selector) == SELECTORS[selector]


def test_a_selector_that_makes_no_sense_is_refused(api):
    assert api.ask("GET", api.path(CONFIG_MAP), labelSelector="a b").status == 400
    assert api.ask("GET", api.path(CONFIG_MAP), fieldSelector="data.x=1").status == 400


def test_the_name_is_a_field_to_select_by(api):
    labelled(api)
    assert ours(api, fieldSelector="metadata.name=b1") == ["b1"]


def test_a_list_can_be_had_in_pages(api):
    labelled(api)
    first = api.done("GET", api.path(CONFIG_MAP), limit=2, labelSelector="app")
    assert len(first["items"]) == 2
    token = first["metadata"]["continue"]
    query = {"limit": 2, "labelSelector": "app", "continue": token}
    rest = api.done("GET", api.path(CONFIG_MAP), **query)
    assert [item["metadata"]["name"] for item in rest["items"]] == ["b1"]
    assert "continue" not in rest["metadata"]


def test_every_page_shows_what_was_there_at_the_first(api):
    labelled(api)
    first = api.done("GET", api.path(CONFIG_MAP), limit=1, labelSelector="app")
    api.create(CONFIG_MAP, config_map("a3", labels={"app": "a"}))
    api.merge(CONFIG_MAP, "b1", {"data": {"x": "new"}})
    api.done("DELETE", api.path(CONFIG_MAP, "a2"))
    query = {"labelSelector": "app", "continue": first["metadata"]["continue"]}
    rest = api.done("GET", api.path(CONFIG_MAP), **query)
    assert [item["metadata"]["name"] for item in rest["items"]] == ["a2", "b1"]
    assert "data" not in rest["items"][1]
    assert rest["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


def test_reading_on_is_too_late_once_the_server_forgot(stage):
    api = stage.api
    labelled(api)
    first = api.done("GET", api.path(CONFIG_MAP), limit=1, labelSelector="app")
    api.merge(CONFIG_MAP, "b1", {"data": {"x": "new"}})
    stage.forget()
    query = {"limit": 1, "labelSelector": "app", "continue": first["metadata"]["continue"]}
    with pytest.raises(Expired):
        api.done("GET", api.path(CONFIG_MAP), **query)


def test_a_token_that_nobody_gave_is_refused(api):
    answer = api.ask("GET", api.path(CONFIG_MAP), **{"limit": 1, "continue": "nonsense"})
    assert answer.status == 400


def test_a_watch_tells_what_happens_after_a_version(api):
    since = version(api)
    api.create(CONFIG_MAP, config_map())
    api.merge(CONFIG_MAP, "a", {"data": {"x": "1"}})
    api.done("DELETE", api.path(CONFIG_MAP, "a"))
    events = api.watch(CONFIG_MAP, 3, resourceVersion=since)
    assert seen(events) == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in events]
    assert versions == sorted(set(versions))
    assert {event["object"]["kind"] for event in events} == {"ConfigMap"}


def test_a_watch_without_a_version_tells_first_what_there_is(api):
    labelled(api)
    events = api.watch(CONFIG_MAP, 3, labelSelector="app")
    assert sorted(seen(events)) == [("ADDED", "a1"), ("ADDED", "a2"), ("ADDED", "b1")]


def test_what_is_selected_no_more_is_gone_to_a_watch(api):
    since = version(api)
    api.create(CONFIG_MAP, config_map(labels={"app": "a"}))
    api.create(CONFIG_MAP, config_map("other", labels={"app": "b"}))
    api.merge(CONFIG_MAP, "a", {"metadata": {"labels": {"app": "b"}}})
    api.merge(CONFIG_MAP, "other", {"metadata": {"labels": {"app": "a"}}})
    events = api.watch(CONFIG_MAP, 3, resourceVersion=since, labelSelector="app=a")
    assert seen(events) == [("ADDED", "a"), ("DELETED", "a"), ("ADDED", "other")]
    made, gone = (event["object"]["metadata"] for event in events[:2])
    assert gone["labels"] == {"app": "a"}
    assert int(gone["resourceVersion"]) > int(made["resourceVersion"])


def test_a_watch_ends_when_its_time_is_over_and_tells_how_far_it_came(stage):
    since = version(stage.api)
    stage.api.create(LEASE, config_map())
    query = {"resourceVersion": since, "allowWatchBookmarks": "true"}
    # A real server comes too late with its bookmark now and then, which it may.
    for _ in range(10):
        events = stage.api.watch(LEASE, 99, timeoutSeconds=stage.short, **query)
        if events[-1]["type"] == "BOOKMARK":
            break
    assert seen(events)[0] == ("ADDED", "a")
    bookmark = events[-1]
    assert bookmark["type"] == "BOOKMARK"
    assert int(bookmark["object"]["metadata"]["resourceVersion"]) > int(since)


def test_a_watch_from_a_version_that_was_forgotten_says_410_in_its_stream(stage):
    stage.api.create(CONFIG_MAP, config_map())
    stage.forget()
    (event,) = stage.api.watch(CONFIG_MAP, 1, resourceVersion="1")
    assert (event["type"], event["object"]["code"]) == ("ERROR", 410)
    assert event["object"]["reason"] == "Expired"


def test_a_watch_can_begin_with_what_there_is_and_mark_where_that_ends(api):
    for name in ("a", "b"):
        api.create(LEASE, config_map(name))
    query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
    *first, mark = api.watch(LEASE, 3, allowWatchBookmarks="true", **query)
    if "RequestWatchProgress" in mark["object"].get("message", ""):
        pytest.skip("the etcd of this server is too old")
    assert sorted(seen(first)) == [("ADDED", "a"), ("ADDED", "b")]
    assert mark["type"] == "BOOKMARK"
    assert mark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


def test_a_watch_of_another_kind_hears_nothing(api):
    since = version(api)
    api.create(CONFIG_MAP, config_map())
    assert api.watch(JOB, 1, resourceVersion=since, timeoutSeconds=1) == []
