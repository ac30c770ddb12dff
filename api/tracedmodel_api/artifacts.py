"""``tracedmodel artifacts``: what a store holds, and whether its bytes are what they say."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from functools import partial

from tracedmodel_api.manifest import Graph
from tracedmodel_api.report import REASONS, Failure
from tracedmodel_api.request import own_fingerprint
from tracedmodel_api.store import Store
from tracedmodel_api.types import Target

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
    store = Store(arguments.store)
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
    checked: dict[str, Failure | None] = {}
    faults: list[Failure] = []
    for fingerprint in fingerprints:
        for name, failure in _faults(store, fingerprint, checked):
            faults.append(failure)
            sys.stderr.write(f"{name[:12]}: {failure.reason.name}: {failure}\n")
    sys.stdout.write(f"{len(fingerprints)} graphs, {len(checked)} blobs, {len(faults)} faults\n")
    return REASONS[faults[0].reason.name].exit_code if faults else 0


def _faults(
    store: Store, fingerprint: str, checked: dict[str, Failure | None]
) -> Iterator[tuple[str, Failure]]:
    try:
        graph = store.graph(fingerprint)
        if graph is not None:
            _demand_name(graph, store.url)
    except Failure as failure:
        yield fingerprint, failure
        return
    if graph is None:
        return
    checks: dict[str, Callable[[], None]] = {
        graph.identity(): partial(store.check_manifest, graph),
        **{blob.digest: partial(store.demand, graph, blob) for blob in graph.blobs()},
    }
    for digest, check in checks.items():
        if digest not in checked:
            checked[digest] = _fault(check)
        fault = checked[digest]
        if fault is not None:
            yield fingerprint, fault


def _demand_name(graph: Graph, url: str) -> None:
    """Refuse a manifest whose fields do not give its name; for Inf1 that takes settings which it does not hold."""
    if graph.target is Target.CPU and own_fingerprint(graph) != graph.fingerprint:
        path = f"graphs/{graph.fingerprint}.json"
        raise Failure("ManifestInvalid", f"store {url}: the fields of {path} do not give its name")


def _fault(check: Callable[[], None]) -> Failure | None:
    try:
        check()
    except Failure as failure:
        return failure
    return None
