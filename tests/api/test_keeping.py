"""What exports and clean-ups leave for each other, in a folder and on S3."""

from datetime import datetime, timedelta, timezone

import pytest

from builders import a_published_graph
from tracedmodel_api.keeping import CONDEMNED, PINS, STALE, condemn, pin, read_notes, settle
from tracedmodel_api.report import Failure
from tracedmodel_api.store import blob_path, graph_path


def failure_of(action, *arguments):
    with pytest.raises(Failure) as caught:
        action(*arguments)
    return caught.value.reason.name, str(caught.value)


def later():
    return datetime.now(timezone.utc) + STALE + timedelta(minutes=1)


def test_an_export_names_what_it_is_about_to_report_anew_each_time(store):
    graphs = [a_published_graph(store, name) for name in "ab"]
    assert settle(store, graphs) == []
    (first,) = read_notes(store.objects, PINS)
    assert first.words == {graph.identity() for graph in graphs}
    assert settle(store, graphs[::-1]) == []
    (second,) = read_notes(store.objects, PINS)
    assert (second.entry.path, second.words) == (first.entry.path, first.words)
    assert second.entry.modified >= first.entry.modified


def test_graphs_that_lack_a_blob_are_told(store):
    whole, broken, unread = (a_published_graph(store, name) for name in "abc")
    store.objects.delete([blob_path(broken.golden.blob.digest), blob_path(unread.identity())])
    assert settle(store, [whole, broken, unread]) == [broken, unread]


def test_a_name_that_is_gone_breaks_no_graph(store):
    graph = a_published_graph(store)
    store.objects.delete([graph_path(graph.fingerprint)])
    assert settle(store, [graph]) == []


@pytest.mark.parametrize("part", ["blob", "manifest", "pin"])
def test_an_export_does_not_rely_on_what_a_clean_up_may_be_removing(store, part):
    graph = a_published_graph(store)
    paths = {
        "blob": blob_path(graph.golden.blob.digest),
        "manifest": blob_path(graph.identity()),
        "pin": pin(store.objects, [graph.identity()]),
    }
    note = condemn(store.objects, "now", [paths[part]])
    reason, message = failure_of(settle, store, [graph])
    assert reason == "StoreBusy"
    assert "a clean-up is removing what this export relies on" in message
    assert settle(store, [graph], later) == []
    store.objects.delete([note])
    assert settle(store, [graph]) == []


def test_a_clean_up_of_other_things_keeps_no_export(store):
    graph = a_published_graph(store)
    condemn(store.objects, "now", [blob_path("0" * 64), graph_path(graph.fingerprint)])
    assert settle(store, [graph]) == []


def test_a_note_that_goes_while_it_is_read_is_over(store, monkeypatch):
    path = condemn(store.objects, "now", [])
    listed = store.objects.entries(CONDEMNED)
    store.objects.delete([path])
    monkeypatch.setattr(store.objects, "entries", lambda _: listed)
    assert read_notes(store.objects, CONDEMNED) == []


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "ManifestInvalid"),
        (b"[]", "ManifestInvalid"),
        (b'{"formatVersion":1}', "ManifestInvalid"),
        (b'{"formatVersion":2,"pins":[]}', "FormatUnsupported"),
    ],
)
def test_a_note_that_cannot_be_read_is_named(store, data, reason):
    store.objects.write("pins/odd.json", data)
    found, message = failure_of(read_notes, store.objects, PINS)
    assert found == reason
    assert "pins/odd.json" in message
