"""What exports and clean-ups leave for each other, in a folder and on S3."""

from datetime import datetime, timedelta, timezone

import pytest

from builders import a_published_graph
from tracedmodel_api.keeping import condemn, pin, read_pins, settle, unheeded
from tracedmodel_api.report import Failure
from tracedmodel_api.store import blob_path, graph_path


def failure_of(action, *arguments):
    with pytest.raises(Failure) as caught:
        action(*arguments)
    return caught.value.reason.name, str(caught.value)


NOW = datetime(2026, 1, 1, 0, 59, tzinfo=timezone.utc)


def at(**span):
    """Return a clock that shows a moment before or after the clean-up began."""
    return lambda: NOW + timedelta(**span)


def test_an_export_names_what_it_is_about_to_report_anew_each_time(store):
    graphs = [a_published_graph(store, name) for name in "ab"]
    assert settle(store, graphs) == []
    (first,) = read_pins(store.objects)
    assert first.words == {graph.identity() for graph in graphs}
    assert settle(store, graphs[::-1]) == []
    (second,) = read_pins(store.objects)
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
    note = condemn(store.objects, NOW, [paths[part]])
    for minutes in (-30, 0, 60):
        reason, message = failure_of(settle, store, [graph], at(minutes=minutes))
        assert reason == "StoreBusy"
        assert "a clean-up is removing what this export relies on" in message
    assert settle(store, [graph], at(hours=2)) == []
    store.objects.delete([note])
    assert settle(store, [graph], at()) == []


def test_one_clean_up_goes_on_at_a_time(store):
    note = condemn(store.objects, NOW, ["a"])
    reason, message = failure_of(condemn, store.objects, NOW, ["b"])
    assert (reason, note in message) == ("StoreBusy", True)
    condemn(store.objects, at(minutes=1)(), ["b"])
    store.objects.delete([note])
    assert condemn(store.objects, NOW, ["b"]) == note


def test_notes_are_forgotten_once_no_export_reads_them(store):
    note = condemn(store.objects, NOW, [])
    assert unheeded(store.objects, at(hours=1)()) == []
    assert unheeded(store.objects, at(hours=2)()) == [note]


def test_a_clean_up_of_other_things_keeps_no_export(store):
    graph = a_published_graph(store)
    condemn(store.objects, NOW, [blob_path("0" * 64), graph_path(graph.fingerprint)])
    assert settle(store, [graph], at()) == []


def test_a_pin_that_goes_while_it_is_read_is_none(store, monkeypatch):
    path = pin(store.objects, [])
    listed = store.objects.entries("pins")
    store.objects.delete([path])
    monkeypatch.setattr(store.objects, "entries", lambda _: listed)
    assert read_pins(store.objects) == []


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
    found, message = failure_of(read_pins, store.objects)
    assert found == reason
    assert "pins/odd.json" in message
