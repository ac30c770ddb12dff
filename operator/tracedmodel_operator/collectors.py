"""Metrics that are read off when Prometheus asks, and what they are read off."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tracedmodel_api.status import Condition
from tracedmodel_operator.pulse import Signs


class ConditionCounts:
    """How many resources have which condition, status and reason; kept up to date, so that reading costs little."""

    def __init__(self) -> None:
        self._of: dict[object, tuple[tuple[str, str, str], ...]] = {}
        self._counts: Tally[tuple[str, str, str]] = Tally()

    def update(self, key: object, conditions: Iterable[Condition]) -> None:
        """Take note of the conditions of a resource, in place of those it had."""
        new = tuple((c.type, c.status, c.reason) for c in conditions)
        if new != self._of.get(key):
            self.remove(key)
            self._of[key] = new
            self._counts.update(new)

    def remove(self, key: object) -> None:
        """Forget a resource, known or not."""
        for old in self._of.pop(key, ()):
            self._counts[old] -= 1
            if not self._counts[old]:
                del self._counts[old]

    def counts(self) -> Mapping[tuple[str, str, str], int]:
        """Return the number of resources by type, status and reason; what no resource has is absent."""
        return self._counts


class Resources(Collector):
    """``tracedmodel_resources``: how many there are by what their conditions say."""

    def __init__(self, conditions: ConditionCounts) -> None:
        self._conditions = conditions

    def collect(self) -> Iterator[Metric]:
        """Return the values of this moment."""
        text = "Resources, by what their conditions say"
        labels = ("condition", "status", "reason")
        family = GaugeMetricFamily("tracedmodel_resources", text, labels=labels)
        for values, count in self._conditions.counts().items():
            family.add_metric(values, count)
        yield family


class Ages(Collector):
    """Seconds since the last list and the last watch event, of kinds that had one."""

    def __init__(self, signs: Callable[[], Mapping[str, Signs]]) -> None:
        self._signs = signs

    def collect(self) -> Iterator[Metric]:
        """Return the values of this moment."""
        prefix = "tracedmodel_operator"
        lists = GaugeMetricFamily(
            f"{prefix}_last_list_age_seconds", "Since the last list of a kind", labels=["kind"]
        )
        events = GaugeMetricFamily(
            f"{prefix}_last_watch_event_age_seconds",
            "Since the last watch event of a kind",
            labels=["kind"],
        )
        for kind, known in self._signs().items():
            for family, age in ((lists, known.listed), (events, known.heard)):
                if age is not None:
                    family.add_metric([kind], age)
        yield from (lists, events)
