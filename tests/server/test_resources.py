import gc
import resource

import pytest

from tracedmodel_server import resources


@pytest.fixture
def limits(monkeypatch):
    """Limits of open files that a test may set, instead of this process' own."""
    found = {"now": (0, 0), "allowed": True}

    def change(_which, pair):
        if not found["allowed"]:
            raise ValueError("not allowed")
        found["now"] = pair

    monkeypatch.setattr(resource, "getrlimit", lambda _which: found["now"])
    monkeypatch.setattr(resource, "setrlimit", change)
    return found


@pytest.mark.parametrize(
    ("before", "after", "connections"),
    [
        ((1024, 20_000), (20_000, 20_000), 19_744),
        ((20_000, 20_000), (20_000, 20_000), 19_744),
        ((64, 300), (300, 300), 150),
        ((1024, resource.RLIM_INFINITY), (resource.RLIM_INFINITY,) * 2, 2**20),
    ],
    ids=["raised", "high already", "very few", "no limit"],
)
def test_the_limit_of_files_is_raised_as_far_as_allowed(limits, before, after, connections):
    limits["now"] = before
    assert resources.raise_file_limit() == connections
    assert limits["now"] == after


def test_a_limit_that_cannot_be_raised_is_lived_with(limits):
    limits.update(now=(1024, 4096), allowed=False)
    assert resources.raise_file_limit() == 768


class Library:
    """A C library that notes what is asked of it."""

    def __init__(self):
        self.calls = []

    def mallopt(self, *arguments):
        self.calls.append(("mallopt", *arguments))

    def malloc_trim(self, *arguments):
        self.calls.append(("malloc_trim", *arguments))


@pytest.fixture
def collector():
    """Leave the garbage collector as it was."""
    yield
    gc.unfreeze()
    gc.enable()


@pytest.mark.usefixtures("collector")
@pytest.mark.parametrize(
    ("chosen", "calls"),
    [
        ({}, [("mallopt", -8, 1), ("malloc_trim", 0)]),
        ({"MALLOC_ARENA_MAX": "4"}, [("malloc_trim", 0)]),
    ],
    ids=["by default", "where somebody chose"],
)
def test_memory_is_allocated_together_and_given_back(monkeypatch, chosen, calls):
    library = Library()
    monkeypatch.setattr(resources.ctypes, "CDLL", lambda _name: library)
    monkeypatch.setattr(resources.os, "environ", chosen)
    resources.prepare()
    assert not gc.isenabled()
    resources.settle()
    assert gc.isenabled()
    assert gc.get_freeze_count() > 0
    assert library.calls == calls


@pytest.mark.usefixtures("collector")
def test_another_c_library_has_no_such_calls(monkeypatch):
    monkeypatch.setattr(resources.ctypes, "CDLL", lambda _name: object())
    resources.prepare()
    resources.settle()
