"""Exports and clean-ups of one store at the same time: request by request, in every order that a few switches make."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import a_blob
from sweeping import BUCKETS, Place, busy, named
from tracedmodel_api.buckets import Bucket
from tracedmodel_api.store import blob_path
from turns import Turns

OTHER = (Bucket(4, 32),)


def all_published(place):
    """Everything that the export asks for is published, and nothing names it any more."""
    place.export()


def one_published(place):
    place.export(buckets=BUCKETS[:1])


def shared_blobs(place):
    """Another model's graph left weights and files that the export will find."""
    place.export(buckets=OTHER)


def blobs_without_names(place):
    place.export()
    for path in [path for path in place.shelves.held if path.startswith("graphs/")]:
        del place.shelves.held[path]


def names_without_blobs(place):
    place.export()
    del place.shelves.held[blob_path(a_blob("weights").digest)]


def nothing(_place):
    """The store is empty."""


PASTS = (all_published, one_published, shared_blobs, blobs_without_names, names_without_blobs, nothing)  # fmt: skip


class Meeting:
    """An old store, an export and a clean-up that meet in it, as often as there are schedules."""

    def __init__(self, monkeypatch, past):
        self.place = Place(monkeypatch)
        past(self.place)
        self.place.shelves.age(days=30)
        self._before = dict(self.place.shelves.held)
        self._now = self.place.shelves.now

    def hold(self, schedule, *sweepers):
        """Let them meet by a schedule; return the turns that were taken."""
        place = self.place
        place.shelves.held, place.shelves.now = dict(self._before), self._now
        turns = Turns(schedule)
        place.turn_of = turns.of
        sweeps = {who: lambda who=who: place.sweep(who) for who in sweepers}
        ends = turns.run(exporter=place.export, **sweeps)
        place.turn_of = lambda _name: lambda _what: None
        self._judge(ends)
        return turns.taken

    def _judge(self, ends):
        place = self.place
        report = ends.pop("exporter")
        for end in ends.values():
            # Of two clean-ups one may find the other at work.
            assert busy(end) or not isinstance(end, Exception), end
        if busy(report):
            report = place.export()
        place.demand_whole(report)
        # Its index stands later than the next clean-up begins.
        place.shelves.pass_(days=6)
        place.sweep()
        place.demand_whole(report)
        place.shelves.pass_(days=30)
        place.sweep(roots=named(report))
        place.demand_whole(report)
        place.sweep()
        assert place.shelves.held == {}


def lengths(meeting):
    """Return how many requests each makes, the other having ended or not having begun."""
    found = []
    for first in ("exporter", "gc"):
        taken = meeting.hold([first] * 1000, "gc")
        found.append([sum(who == name for who, _ in taken) for name in ("exporter", "gc")])
    return [max(counts) for counts in zip(*found, strict=True)]


@pytest.mark.parametrize("past", PASTS)
def test_whatever_an_export_reported_is_whole_wherever_a_clean_up_runs_within_it(monkeypatch, past):
    meeting = Meeting(monkeypatch, past)
    exporter, gc = lengths(meeting)
    for position in range(exporter + 1):
        meeting.hold(["exporter"] * position + ["gc"] * 1000, "gc")
    for position in range(gc + 1):
        meeting.hold(["gc"] * position + ["exporter"] * 1000, "gc")


def windows(outer, inner, lengths, step):
    """Return the schedules in which one goes on within the other, stops there, and ends after it."""
    for start in range(0, lengths[outer] + 1, step):
        for length in range(1, lengths[inner] + 1, step):
            yield [outer] * start + [inner] * length + [outer] * 1000


def all_windows(monkeypatch, past, step):
    meeting = Meeting(monkeypatch, past)
    found = dict(zip(("exporter", "gc"), lengths(meeting), strict=True))
    for outer, inner in (("exporter", "gc"), ("gc", "exporter")):
        for schedule in windows(outer, inner, found, step):
            meeting.hold(schedule, "gc")


@pytest.mark.slow
@pytest.mark.parametrize("past", PASTS)
def test_and_wherever_either_stops_within_the_other(monkeypatch, past):
    all_windows(monkeypatch, past, 1)


@pytest.mark.parametrize("past", PASTS)
def test_and_at_every_fifth_place_where_either_stops_within_the_other(monkeypatch, past):
    all_windows(monkeypatch, past, 5)


ANY_ORDER = st.lists(
    st.tuples(st.sampled_from(("exporter", "gc", "gc2")), st.integers(1, 12)), max_size=20
)


@pytest.mark.parametrize("past", PASTS)
def test_two_clean_ups_and_an_export_in_any_order_do_no_harm(monkeypatch, past):
    meeting = Meeting(monkeypatch, past)

    @settings(max_examples=40, deadline=None, derandomize=True, database=None)
    @given(ANY_ORDER)
    def hold(order):
        meeting.hold([who for who, turns in order for _ in range(turns)], "gc", "gc2")

    hold()
