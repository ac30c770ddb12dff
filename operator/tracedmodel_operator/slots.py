"""Which resources may replace their serving pods now: so many at a time, across the cluster."""

from __future__ import annotations

from tracedmodel_api import conditions as c
from tracedmodel_operator.cache import Key
from tracedmodel_operator.observe import Serving
from tracedmodel_operator.plan import Plan


class Slots:
    """The rollouts that go on, and those that wait for one of them to end."""

    def __init__(self) -> None:
        self._taken: set[Key] = set()
        self._waiting: dict[Key, None] = {}
        self._woken: set[Key] = set()

    def elsewhere(self, key: Key) -> int:
        """Return how many rollouts other than this one go on."""
        return len(self._taken) - (key in self._taken)

    def note(self, key: Key, serving: Serving | None, plan: Plan) -> Key | None:
        """Take note of a plan before it is carried out; return who may look again, if a slot became free."""
        if plan.held == c.ROLLOUT_QUEUED:
            self._waiting[key] = None
            self._woken.discard(key)
            return None
        self._waiting.pop(key, None)
        if plan.replaces or (serving is not None and _goes_on(serving)):
            self._taken.add(key)
            self._woken.discard(key)
            return None
        if serving is not None and not (serving.settled() or serving.deadline_exceeded):
            return None
        return self.free(key)

    def free(self, key: Key) -> Key | None:
        """Give up a slot and a wait for one; return who may look again."""
        self._waiting.pop(key, None)
        if key not in self._taken | self._woken:
            return None
        self._taken.discard(key)
        self._woken.discard(key)
        first = next(iter(self._waiting), None)
        if first is not None:
            del self._waiting[first]
            self._woken.add(first)  # it passes the slot on if it needs none any more
        return first


def _goes_on(serving: Serving) -> bool:
    """Tell whether old pods are being replaced, though this operator may not have begun it."""
    return serving.updated < serving.replicas and not serving.deadline_exceeded
