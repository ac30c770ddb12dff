"""``tracedmodel gc``: remove from a store what no TracedModel names."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

from tracedmodel_api.report import Class, Failure
from tracedmodel_operator.gc import show
from tracedmodel_operator.gc.cleaner import Cleaner, Wish
from tracedmodel_operator.gc.clusters import Cluster, namespaces_of, read_clusters
from tracedmodel_operator.gc.roots import Roots, merge, of_index
from tracedmodel_operator.stores import NAMESPACE, in_namespace

summary = "show, and with --delete remove, what no TracedModel names in a store"

_AGE = re.compile(r"(\d{1,4})([dh])")
_UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1)}
LEAST_AGE = timedelta(days=1)
"""An index must stand within this after the report of its export, less an hour: see docs/garbage.md."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--store",
        required=True,
        metavar="URL",
        help="s3://BUCKET/PREFIX, …; with {namespace} in it, the store of each namespace",
    )
    parser.add_argument(
        "--delete", action="store_true", help="remove it; without this nothing is changed"
    )
    parser.add_argument(
        "--older-than",
        type=_age,
        default=timedelta(days=7),
        metavar="AGE",
        help="leave what was written later, such as 7d or 36h: exports that go on need it (default: 7d)",
    )
    _configure_roots(parser)
    parser.add_argument(
        "--even-if-nothing-is-named",
        action="store_true",
        help="remove also where no TracedModel and no index names anything in the store",
    )
    parser.add_argument("--json", action="store_true", help="write JSON with every path")
    parser.add_argument(
        "--metrics-file",
        type=Path,
        metavar="FILE",
        help="write what Prometheus reads of this run here",
    )


def _configure_roots(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say who names what is kept."""
    parser.add_argument(
        "--kubeconfig",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="a cluster that uses the store; for each of several that share it",
    )
    parser.add_argument(
        "--context",
        action="append",
        default=[],
        metavar="NAME",
        help="likewise, by a context of one kubeconfig; without both: as kubectl, or the pod's own cluster",
    )
    spaces = parser.add_mutually_exclusive_group()
    spaces.add_argument(
        "--namespace",
        action="append",
        default=[],
        metavar="NAME",
        help="look at these alone: what others name counts as unnamed",
    )
    spaces.add_argument(
        "--all-namespaces", action="store_true", help="look at all namespaces (the default)"
    )
    parser.add_argument(
        "--index",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="an index in a file, as of `tracedmodel export --index FILE`",
    )
    parser.add_argument("--no-cluster", action="store_true", help="look at no cluster")


def _age(text: str) -> timedelta:
    found = _AGE.fullmatch(text)
    age = int(found[1]) * _UNITS[found[2]] if found else timedelta()
    if age < LEAST_AGE:
        raise argparse.ArgumentTypeError(f"given {text!r}; write 7d or 36h, at least 1d")
    return age


def run(arguments: argparse.Namespace) -> int:
    """Show or remove garbage; raises Failure where it is not sure that it is garbage."""
    return collect(arguments, lambda: datetime.now(timezone.utc))


def collect(arguments: argparse.Namespace, clock: Callable[[], datetime]) -> int:
    """Do it by a clock, which should be that of the store within half an hour."""
    wish = Wish(arguments.older_than, arguments.delete, arguments.even_if_nothing_is_named)
    cleaner = Cleaner(lambda: read_roots(arguments), wish, clock, _say)
    if NAMESPACE in arguments.store:
        return _collect_each(arguments, cleaner, clock)
    told = cleaner.clean(arguments.store)
    sys.stdout.write(show.as_json(told) if arguments.json else show.as_text(told))
    if arguments.metrics_file:
        show.write_metrics(arguments.metrics_file, [told], clock())
    return 0


def _collect_each(
    arguments: argparse.Namespace, cleaner: Cleaner, clock: Callable[[], datetime]
) -> int:
    """Do it for the store of each namespace; raises the worst Failure once all are done."""
    told = cleaner.clean_each(_stores(arguments))
    outcomes = [one for one in told.values() if isinstance(one, show.Outcome)]
    sys.stdout.write(show.as_json(told) if arguments.json else show.as_texts(outcomes))
    if arguments.metrics_file:
        show.write_metrics(arguments.metrics_file, outcomes, clock())
    failures = [one for one in told.values() if isinstance(one, Failure)]
    for failure in failures:
        _say(f"{failure.reason.name}: {failure}")
    if failures:
        # What will fail again is worse than what passes.
        worst = min(failures, key=lambda one: one.reason.failure_class is Class.TRANSIENT)
        message = f"{len(failures)} of {len(told)} stores failed"
        raise Failure(worst.reason.name, message)
    return 0


def _stores(arguments: argparse.Namespace) -> dict[str, str]:
    """Return the namespaces that are meant by the URLs of their stores."""
    if arguments.no_cluster:
        message = f"{NAMESPACE} is each namespace of a cluster: with --no-cluster write one"
        raise Failure("InvalidRequest", message)
    spaces = arguments.namespace or namespaces_of(_clusters(arguments))
    return {in_namespace(arguments.store, space): space for space in sorted(spaces)}


def read_roots(arguments: argparse.Namespace) -> Roots:
    """Return what names graphs; raises Failure where a part of it cannot be read."""
    if arguments.namespace:
        spaces = ", ".join(arguments.namespace)
        _say(f"warning: what namespaces other than {spaces} name counts as unnamed")
    clusters = _clusters(arguments)
    return merge(
        [
            *(_of_file(path) for path in arguments.index),
            read_clusters(clusters, arguments.namespace, _say),
        ]
    )


def _clusters(arguments: argparse.Namespace) -> Sequence[Cluster]:
    files, contexts = arguments.kubeconfig, arguments.context
    if arguments.no_cluster:
        if files or contexts or arguments.namespace:
            raise Failure("InvalidRequest", "--no-cluster goes with --index alone")
        return []
    if contexts and len(files) > 1:
        message = "--context names contexts of one --kubeconfig: give one file, or files alone"
        raise Failure("InvalidRequest", message)
    if contexts:
        return [Cluster(files[0] if files else None, context) for context in contexts]
    return [Cluster(file) for file in files] or [Cluster()]


def _of_file(path: Path) -> Roots:
    try:
        return of_index(path.read_bytes(), str(path))
    except OSError as error:
        raise Failure("InvalidRequest", f"{path} cannot be read: {error}") from None


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
