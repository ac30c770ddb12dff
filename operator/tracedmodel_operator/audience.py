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
from tracedmodel_operator.happenings import Regarding, happenings
from tracedmodel_operator.metrics import Metrics

_log = logging.getLogger(__name__)


class Chronicle:
    """Tells people what happened, each in the place where they look for it."""

    def __init__(self, recorder: Recorder, metrics: Metrics) -> None:
        self._recorder = recorder
        self._metrics = metrics

    def seen(self, key: Key, status: Status) -> None:
        """Take note of what is true of a resource."""
        self._metrics.conditions.update(key, status.conditions)

    async def changed(self, item: Mapping[str, Any], before: Status, after: Status) -> None:
        """Tell of a status that was written."""
        metadata = item["metadata"]
        regarding = Regarding(metadata["namespace"], metadata["name"], metadata["uid"])
        self._log_ready(before, after)
        for happening in happenings(before, after, regarding):
            await self._recorder.record(happening)

    def exported(self, report: Report) -> None:
        """Tell of an export that succeeded."""
        self._metrics.exported(cached=report.cached, traced=len(report.rows) - report.cached)
        for phase, milliseconds in report.milliseconds:
            self._metrics.export_took(phase, milliseconds / 1000)

    def gone(self, key: Key) -> None:
        """Forget a resource that is no more."""
        self._metrics.conditions.remove(key)

    def _log_ready(self, before: Status, after: Status) -> None:
        old = {(c.reason, c.status) for c in before.conditions if c.type == READY}
        for condition in after.conditions:
            if condition.type == READY and (condition.reason, condition.status) not in old:
                _log.info("%s: %s", condition.reason, condition.message)
