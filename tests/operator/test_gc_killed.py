"""A clean-up that is killed at any request leaves garbage, and nothing that is broken."""

import pytest

from sweeping import BUCKETS, Place, busy, named
from tracedmodel_api.report import Failure
from tracedmodel_api.store import Store


class Killed(BaseException):
    """The process ended here and now, as by ``kill -9``."""


class Countdown:
    """Lets so many requests pass, and no more."""

    def __init__(self, requests):
        self.left = requests

    def __call__(self, _what):
        if not self.left:
            raise Killed
        self.left -= 1


def silent(_name):
    return lambda _what: None


def sweep_until(place, requests, roots):
    """Run a clean-up up to a request; tell whether it came to its end."""
    place.turn_of = lambda name: Countdown(requests) if name == "gc" else lambda _what: None
    try:
        place.sweep("gc", roots)
    except Killed:
        return False
    finally:
        place.turn_of = silent
    return True


def demand_no_dangling_name():
    store = Store("reader")
    for fingerprint in store.fingerprints():
        assert store.lacking(store.graph(fingerprint)) == []


def export(place):
    try:
        return place.export()
    except Failure as failure:
        if not busy(failure):
            raise
    # By now nobody heeds what the clean-up left.
    place.shelves.pass_(hours=2)
    return place.export()


@pytest.fixture
def place(monkeypatch):
    """A store with two old graphs, of which the first is named."""
    found = Place(monkeypatch)
    found.keep = named(found.export(buckets=BUCKETS[:1]))
    found.export()
    found.shelves.age(days=30)
    return found


def test_a_clean_up_that_is_killed_anywhere_breaks_nothing(place):
    before, now = dict(place.shelves.held), place.shelves.now
    requests, done = 0, False
    while not done:
        place.shelves.held, place.shelves.now = dict(before), now
        done = sweep_until(place, requests, place.keep)
        demand_no_dangling_name()
        report = export(place)
        place.demand_whole(report)
        place.shelves.pass_(days=30)
        place.sweep("gc", named(report))
        place.demand_whole(report)
        assert place.sweep("gc", named(report)).blobs == []
        place.sweep("gc")
        assert place.shelves.held == {}
        requests += 1
    assert requests > 10
