"""``tracedmodel artifacts``: what a store holds, and whether its bytes are what they say."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from functools import partial

from tracedmodel_api.kinship import demand_kinship, model_of
from tracedmodel_api.manifest import Graph
from tracedmodel_api.report import Failure
from tracedmodel_api.request import own_fingerprint
from tracedmodel_api.store import Store

summary = "list, show and verify the graphs in a store"

_COLUMNS = "{:<12} {:<19} {:<6} {:<9} {:<14} {:>9} {:>9} {:>9}  {}"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    for name, verb, text in (
        ("list", _list, "one line a graph"),
        ("show", _show, "the manifests of graphs, as JSON"),
        ("verify", _verify, "read every byte and compare it with its digest"),
    ):
        sub = verbs.add_parser(name, help=text, description=text)
        sub.add_argument(
            "--store", required=True, metavar="URL", help="file:///FOLDER, s3://BUCKET/PREFIX, …"
        )
        sub.add_argument(
            "prefixes",
            nargs="+" if name == "show" else "*",
            metavar="FINGERPRINT",
            help="whole, or its beginning",
        )
        sub.set_defaults(verb=verb)


def run(arguments: argparse.Namespace) -> int:
    """Run the verb and return its exit code."""
    store = Store(arguments.store, create=False)
    chosen = [
        name
        for name in store.fingerprints()
        if not arguments.prefixes or name.startswith(tuple(arguments.prefixes))
    ]
    unknown = [p for p in arguments.prefixes if not any(name.startswith(p) for name in chosen)]
    if unknown:
        raise Failure("BlobMissing", f"store {store.url} has no graph {', '.join(unknown)}")
    return int(arguments.verb(store, chosen))


def _list(store: Store, fingerprints: list[str]) -> int:
    heads = (
        "FINGERPRINT",
        "TASK",
        "TARGET",
        "PRECISION",
        "BUCKET",
        "BYTES",
        "ERROR",
        "P50 ms",
        "REVISION",
    )
    sys.stdout.write(_COLUMNS.format(*heads) + "\n")
    first: Failure | None = None
    for fingerprint in fingerprints:
        try:
            graph = store.graph(fingerprint)
        except Failure as failure:
            first = first or failure
            sys.stderr.write(f"{fingerprint[:12]}: {failure.reason.name}: {failure}\n")
            continue
        if graph is not None:
            sys.stdout.write(_COLUMNS.format(*_cells(graph)) + "\n")
    return first.reason.exit_code if first else 0


def _cells(graph: Graph) -> tuple[str, ...]:
    own = sum(module.graph.size for module in graph.modules) + graph.golden.blob.size
    error = f"{graph.proof.worst_error():.1e}" if graph.proof else "-"
    p50 = f"{graph.benchmark.p50_microseconds / 1000:.2f}" if graph.benchmark else "-"
    where = (
        graph.task.value,
        graph.target.value,
        graph.precision.value,
        str(graph.bucket.bucket()),
    )
    return (graph.fingerprint[:12], *where, str(own), error, p50, graph.revision[:12])


def _show(store: Store, fingerprints: list[str]) -> int:
    for fingerprint in fingerprints:
        graph = store.graph(fingerprint)
        if graph is not None:
            sys.stdout.write(json.dumps(graph.as_json(), indent=2) + "\n")
    return 0


def _verify(store: Store, fingerprints: list[str]) -> int:
    """Report every fault; the exit code is that of the first."""
    audit = _Audit(store)
    faults: list[Failure] = []
    for fingerprint in fingerprints:
        for failure in audit.faults(fingerprint):
            faults.append(failure)
            sys.stderr.write(f"{fingerprint[:12]}: {failure.reason.name}: {failure}\n")
    sys.stdout.write(f"{len(fingerprints)} graphs, {audit.blobs} blobs, {len(faults)} faults\n")
    return faults[0].reason.exit_code if faults else 0


class _Audit:
    """Finds the faults of graph after graph; a blob that many share is read once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._checked: dict[str, Failure | None] = {}
        self._of_model: dict[str, Graph] = {}

    @property
    def blobs(self) -> int:
        """How many blobs were read, or looked for."""
        return len(self._checked)

    def faults(self, fingerprint: str) -> Iterator[Failure]:
        """Return what is wrong with a graph."""
        try:
            graph = self._store.graph(fingerprint)
            if graph is None:
                return
            self._demand_fields(graph)
        except Failure as failure:
            yield failure
            return
        checks: dict[str, Callable[[], None]] = {
            graph.identity(): partial(self._store.check_manifest, graph),
            **{blob.digest: partial(self._store.demand, graph, blob) for blob in graph.blobs()},
        }
        for digest, check in checks.items():
            if digest not in self._checked:
                self._checked[digest] = _fault(check)
            fault = self._checked[digest]
            if fault is not None:
                yield fault

    def _demand_fields(self, graph: Graph) -> None:
        """Refuse a manifest whose fields give another name, or whose files or weights are not those of its model."""
        url = self._store.url
        if own_fingerprint(graph) != graph.fingerprint:
            message = f"the fields of graphs/{graph.fingerprint}.json do not give its name"
            raise Failure("ManifestInvalid", f"store {url}: {message}")
        demand_kinship(graph, self._of_model.setdefault(model_of(graph), graph), url)


def _fault(check: Callable[[], None]) -> Failure | None:
    try:
        check()
    except Failure as failure:
        return failure
    return None
