"""Who hears of changes: Events, metrics and the log."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from tracedmodel_api.conditions import READY
from tracedmodel_api.report import Report
from tracedmodel_api.status import Status
from tracedmodel_operator.cache import Key
from tracedmodel_operator.events import Recorder
from tracedmodel_operator.happenings import Happening, Regarding, Severity, happenings
from tracedmodel_operator.metrics import Metrics
from tracedmodel_operator.remarks import Remarks

_log = logging.getLogger(__name__)


class Chronicle:
    """Tells people what happened, each in the place where they look for it."""

    def __init__(self, recorder: Recorder, metrics: Metrics) -> None:
        self._recorder = recorder
        self._metrics = metrics
        self._remarks: dict[Key, frozenset[str]] = {}

    def seen(self, key: Key, status: Status) -> None:
        """Take note of what is true of a resource."""
        self._metrics.conditions.update(key, status.conditions)

    async def changed(self, item: Mapping[str, Any], before: Status, after: Status) -> None:
        """Tell of a status that was written."""
        self._log_ready(before, after)
        for happening in happenings(before, after, _regarding(item)):
            await self._recorder.record(happening)

    async def remarked(self, item: Mapping[str, Any], remarks: Remarks) -> None:
        """Tell what should be known of a resource, once for as long as it is so."""
        regarding = _regarding(item)
        key = (regarding.namespace, regarding.name)
        self._metrics.load_unknown(key, remarks.load_unknown)
        known, told = self._remarks.pop(key, frozenset()), remarks.told()
        if told:
            self._remarks[key] = frozenset(told)
        for reason in told.keys() - known:
            happening = Happening(regarding, Severity.WARNING, reason, told[reason])
            await self._recorder.record(happening)

    def exported(self, report: Report) -> None:
        """Tell of an export that succeeded."""
        self._metrics.exported(cached=report.cached, traced=len(report.rows) - report.cached)
        for phase, milliseconds in report.milliseconds:
            self._metrics.export_took(phase, milliseconds / 1000)

    def gone(self, key: Key) -> None:
        """Forget a resource that is no more."""
        self._metrics.conditions.remove(key)
        self._metrics.load_unknown(key, None)
        self._remarks.pop(key, None)

    def _log_ready(self, before: Status, after: Status) -> None:
        old = {(c.reason, c.status) for c in before.conditions if c.type == READY}
        for condition in after.conditions:
            if condition.type == READY and (condition.reason, condition.status) not in old:
                _log.info("%s: %s", condition.reason, condition.message)


def _regarding(item: Mapping[str, Any]) -> Regarding:
    metadata = item["metadata"]
    return Regarding(metadata["namespace"], metadata["name"], metadata["uid"])
