"""Clusters whose Jobs run the exporter itself, but for the tracing, on stores that they share."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from apiserver import InProcess
from apiserver.outcomes import COMMIT, ends, request_of, shares_of
from exports import Told
from operated import Operated
from resources import SETTINGS
from shared_objects import SharedObjects, Shelves
from sweeping import Place
from tracedmodel_exporter import pipeline
from tracedmodel_operator.gc.cleaner import Cleaner, Wish
from tracedmodel_operator.gc.clusters import read_cluster
from tracedmodel_operator.gc.roots import merge
from tracedmodel_operator.kube import Kube

GRACE = timedelta(days=7)


class _Hub:
    def revision(self):
        return COMMIT

    def folder(self):
        return None


class Stores(Place):
    """Stores in memory, one for each URL."""

    def __init__(self, monkeypatch):
        super().__init__(monkeypatch)
        self.by_url = {}
        monkeypatch.setattr(pipeline, "open_source", lambda *_: _Hub())

    def _objects(self, url, *_, **__):
        return SharedObjects(self.by_url.setdefault(url, Shelves()), url)

    def paths(self, url):
        """Return what stands in a store."""
        return sorted(self.by_url[url].held)

    def pass_days(self, days):
        """Make all that stands anywhere older."""
        for shelves in self.by_url.values():
            shelves.age(days=days)

    def clean(self, url, *clusters):
        """Remove from a store what none of these clusters names; return the paths that went."""
        before = self.paths(url)
        wish = Wish(GRACE, delete=True, sure=False)
        read = lambda: merge(cluster.roots() for cluster in clusters)  # noqa: E731
        Cleaner(read, wish, self.shelves.clock, lambda _: None).clean(url)
        return sorted({*before} - {*self.paths(url)})


class ExportingCluster(Operated):
    """A cluster with an operator whose exports come from the exporter, into these stores."""

    def __init__(self, stores, name="cluster", **settings):
        super().__init__(SETTINGS.with_(**settings))
        self.stores = stores
        self.name = name
        self.traced = []
        """How many graphs each Job had to trace, in the order in which they ended."""
        self._ends = {}
        self.controllers.jobs = self._end

    def _end(self, job):
        uid = job["metadata"]["uid"]
        if uid not in self._ends:
            request = request_of(job)
            reports = [pipeline.Export(request, n, Told()).run() for n in shares_of(job)]
            self.traced.append(sum(len(report.rows) - report.cached for report in reports))
            self._ends[uid] = ends(*reports)
        return self._ends[uid]

    def roots(self):
        """Return what the cluster names."""
        return asyncio.run(read_cluster(Kube(InProcess(self.cluster)), self.name, [None]))
