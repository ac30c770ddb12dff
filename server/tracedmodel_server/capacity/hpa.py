"""What a HorizontalPodAutoscaler (autoscaling/v2) decides at each look: the algorithm of Kubernetes, without a cluster.

As its documentation and its controller have it: replicas by the ratio of load to target, pods that tell nothing yet
taken for idle on the way up and for as busy as wanted on the way down, then the stabilisation windows, then the
policies.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from itertools import takewhile

_DIGITS = 9
"""A ratio that is whole but for rounding is whole: Kubernetes counts in thousandths."""


@dataclass(frozen=True)
class Rules:
    """How fast one direction may go: by ``percent`` or by ``pods`` in ``period`` seconds, whichever is more.

    A change has to last for ``window`` seconds.
    """

    window: float
    percent: int
    pods: int
    period: float


@dataclass(frozen=True)
class Policy:
    """What an autoscaler is told. ``target`` is the wanted load of a pod, from 0 to 1."""

    least: int
    most: int
    target: float = 0.7
    up: Rules = Rules(window=0, percent=100, pods=2, period=60)
    down: Rules = Rules(window=600, percent=25, pods=1, period=120)
    tolerance: float = 0.1


class Autoscaler:
    """One autoscaler, with what it remembers."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._longest = max(policy.up.window, policy.down.window)
        self._proposals: deque[tuple[float, int]] = deque()
        self._changes: deque[tuple[float, int]] = deque()

    def decide(self, now: float, current: int, ready: int, load: float) -> int:
        """Return the wanted replicas. ``load`` is the mean of those that are ready."""
        policy = self._policy
        proposal = propose(current, ready, load, policy)
        self._proposals.appendleft((now, proposal))
        while self._proposals[-1][0] < now - self._longest:
            self._proposals.pop()
        wanted = self._limited(now, current, self._stabilised(now, current))
        wanted = min(policy.most, max(policy.least, wanted))
        if wanted != current:
            self._changes.appendleft((now, wanted - current))
        return wanted

    def _stabilised(self, now: float, current: int) -> int:
        """Return the least that was proposed lately where that is more, the most where that is less, else no change."""
        up = min(self._proposed(now, self._policy.up.window))
        down = max(self._proposed(now, self._policy.down.window))
        return max(current, up) if current < up else min(current, down)

    def _proposed(self, now: float, window: float) -> list[int]:
        """Return the proposals of a window, the one of now in any case."""
        newest, *older = self._proposals
        recent = takewhile(lambda proposal: proposal[0] > now - window, older)
        return [newest[1], *(count for _, count in recent)]

    def _limited(self, now: float, current: int, wanted: int) -> int:
        """Return as much of a change as the policies allow."""
        rules = self._policy.up if wanted > current else self._policy.down
        recent = takewhile(lambda change: change[0] > now - rules.period, self._changes)
        began = current - sum(change for _, change in recent)
        if wanted > current:
            most = max(began + rules.pods, math.ceil(began * (1 + rules.percent / 100)))
            return min(wanted, max(current, most))
        least = min(began - rules.pods, int(began * (1 - rules.percent / 100)))
        return max(wanted, min(current, least))


def propose(current: int, ready: int, load: float, policy: Policy) -> int:
    """Return the replicas that the load asks for, before windows and policies.

    While no pod tells its load there is no metric, and nothing changes.
    """
    if not ready:
        return current
    ratio = load / policy.target
    if ready < current:
        return _propose_among(current, ready, ratio, policy.tolerance)
    return current if _is_near(ratio, policy.tolerance) else _ceil(ratio * ready)


def _propose_among(current: int, ready: int, ratio: float, tolerance: float) -> int:
    """Return the proposal where some pods tell nothing yet: they never turn a rise into a fall, or the other way."""
    silent = current - ready if ratio < 1 else 0
    again = (ratio * ready + silent) / current
    turned = (ratio > 1) != (again > 1)
    return current if turned or _is_near(again, tolerance) else _ceil(again * current)


def _is_near(ratio: float, tolerance: float) -> bool:
    return round(abs(1 - ratio), _DIGITS) <= tolerance


def _ceil(number: float) -> int:
    return math.ceil(round(number, _DIGITS))
