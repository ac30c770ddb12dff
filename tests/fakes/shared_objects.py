"""Objects in memory that many stores share, with a clock of their own, and a turn for each request."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta, timezone

from tracedmodel_api.objects import Entry

NOW = datetime(2026, 1, 31, tzinfo=timezone.utc)


class Shelves:
    """What all see: bytes and the time of their last write, by path."""

    def __init__(self, now=NOW):
        self.now = now
        self.held = {}

    def pass_(self, **span):
        self.now += timedelta(**span)

    def clock(self):
        return self.now

    def age(self, **span):
        """Make all that is there older."""
        self.held = {p: (data, then - timedelta(**span)) for p, (data, then) in self.held.items()}


class SharedObjects:
    """Stands where :class:`~tracedmodel_api.objects.Objects` does; ``turn`` is called before each request."""

    def __init__(self, shelves, url="memory", turn=lambda _what: None):
        self.url = url
        self._shelves = shelves
        self._turn = turn

    @property
    def _held(self):
        return self._shelves.held

    def size(self, path):
        self._turn(f"size {path}")
        return len(self._held[path][0]) if path in self._held else None

    def read(self, path):
        self._turn(f"read {path}")
        if path not in self._held:
            raise FileNotFoundError(path)
        return self._held[path][0]

    def stream(self, path, *, pinned=True):  # noqa: ARG002  # as Objects has it
        yield self.read(path)

    def write(self, path, data):
        self._turn(f"write {path}")
        data = data if isinstance(data, bytes) else data.read_bytes()
        self._held[path] = (data, self._shelves.now)

    def create(self, path, data):
        self._turn(f"create {path}")
        if path in self._held:
            return False
        self._held[path] = (data, self._shelves.now)
        return True

    def paths(self, prefix=""):
        return [entry.path for entry in self.entries(prefix)]

    def entries(self, prefix=""):
        self._turn(f"list {prefix}")
        return [
            Entry(path, len(data), then, hashlib.md5(data).hexdigest())  # as S3 has it
            for path, (data, then) in sorted(self._held.items())
            if path.startswith(f"{prefix}/" if prefix else "")
        ]

    def delete(self, paths):
        for path in list(paths):
            self._turn(f"delete {path}")
            self._held.pop(path, None)
