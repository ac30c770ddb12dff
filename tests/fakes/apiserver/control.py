"""Control of a server in another process: what to do wrong, and what happened. Below ``/_fake/``.

    GET    /_fake/counters      requests by method and path, objects by kind, open watches
    DELETE /_fake/counters      forget the requests
    POST   /_fake/faults        plan a fault: {"fault": name, "times" | "at" | "chance": ..., "to": plural, "methods": []}
    DELETE /_fake/faults        let nothing be wrong any more
    POST   /_fake/compact       forget every change: watches and pages that began before are too old
    DELETE /_fake/watches       end the open watches

Objects and statuses are set by the API itself, with the token of whoever may do everything.
"""

from __future__ import annotations

from collections import Counter

from aiohttp import web

from apiserver import faults
from apiserver.faults import Fault, Silent, any_request, to
from apiserver.web import Front

FAULTS: dict[str, Fault] = {
    **faults.FAULTS,
    "expired": faults.EXPIRED,
    "silent": Silent(),
    "cut": faults.Cut(),
    "gone": faults.Gone(),
}


class Control:
    """The control of a server."""

    def __init__(self, front: Front) -> None:
        self._front = front
        front.app.router.add_get("/_fake/counters", self._counters)
        front.app.router.add_delete("/_fake/counters", self._forget)
        front.app.router.add_post("/_fake/faults", self._plan)
        front.app.router.add_delete("/_fake/faults", self._clear)
        front.app.router.add_post("/_fake/compact", self._compact)
        front.app.router.add_delete("/_fake/watches", self._end_watches)

    async def _counters(self, _: web.Request) -> web.Response:
        cluster = self._front.cluster
        requests = Counter(f"{request.method} {request.path}" for request in cluster.log)
        tables = cluster.database.tables.items()
        found = {
            "requests": dict(requests),
            "objects": {kind.plural: len(table.items) for kind, table in tables},
            "faults": len(self._front.faults.struck),
            "watches": len(self._front.streams),
        }
        return web.json_response(found)

    async def _forget(self, _: web.Request) -> web.Response:
        self._front.cluster.log.clear()
        return web.Response()

    async def _plan(self, request: web.Request) -> web.Response:
        wanted = await request.json()
        fault, planned = FAULTS[wanted["fault"]], self._front.faults
        when = to(wanted["to"], *wanted.get("methods", ())) if "to" in wanted else any_request
        if "at" in wanted:
            planned.at(fault, *wanted["at"], when=when)
        elif "chance" in wanted:
            planned.sometimes(fault, wanted["chance"], when)
        else:
            planned.next(fault, wanted.get("times", 1), when)
        return web.Response()

    async def _clear(self, _: web.Request) -> web.Response:
        self._front.faults.clear()
        return web.Response()

    async def _compact(self, _: web.Request) -> web.Response:
        self._front.cluster.compact()
        return web.Response()

    async def _end_watches(self, _: web.Request) -> web.Response:
        self._front.streams.close()
        return web.Response()
