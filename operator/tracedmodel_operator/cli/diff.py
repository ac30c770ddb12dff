"""``diff``: what applying a manifest would export, roll out or leave alone, and why."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from tracedmodel_api import manifests
from tracedmodel_operator.cli import options
from tracedmodel_operator.cli.changes import changes, document
from tracedmodel_operator.cli.cluster import Cluster, Object
from tracedmodel_operator.cli.errors import CommandError
from tracedmodel_operator.cli.foresight import Foresight, foresee
from tracedmodel_operator.cli.rehearsal import rehearsal
from tracedmodel_operator.errors import ApiError
from tracedmodel_operator.reconcile import read
from tracedmodel_operator.settings import Settings, read_settings

summary = "show what applying a manifest would export, roll out or leave alone, and why"

_REFUSALS = (400, 409, 422)
Foreseen = tuple[Object | None, Object, Foresight]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "file", metavar="FILE", help="TracedModel manifests; - reads standard input"
    )
    options.add_output(parser)
    options.add_cluster_options(parser)
    parser.epilog = (
        "Nothing is written. Where the operator's settings matter, such as its default store, they are taken from "
        "this environment's variables TRACEDMODEL_OPERATOR_... and from what the cluster shows of them."
    )


def run(arguments: argparse.Namespace) -> int:
    """Show what would follow, manifest by manifest."""

    async def work(cluster: Cluster) -> int:
        settings = read_settings()
        documents = _documents(arguments.file)
        found = [await _foreseen(cluster, one, settings) for one in documents]
        if arguments.output:
            options.write([document(*one) for one in found], arguments.output)
            return 0
        for live, after, seen in found:
            options.show(changes(live, read(after), after, seen))
        return 0

    return options.execute(arguments, work)


def _documents(file: str) -> list[dict[str, Any]]:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        found = list(manifests.read_documents(text))
        for one in found:
            manifests.parse(one)
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{file} cannot be read: {error}") from None
    except manifests.InvalidManifest as error:
        raise CommandError("\n".join(f"{file}: {problem}" for problem in error.problems)) from None
    if not found:
        raise CommandError(f"{file} has no manifest")
    return found


async def _foreseen(cluster: Cluster, manifest: dict[str, Any], settings: Settings) -> Foreseen:
    """Return the resource as it is, as it would be stored, and what follows; raises what admission says."""
    named = manifest["metadata"].get("namespace")
    cluster = cluster.within(named) if named else cluster
    metadata = {**manifest["metadata"], "namespace": cluster.namespace}
    wanted = {**manifest, "metadata": metadata}
    wanted.pop("status", None)
    live = await cluster.find(metadata["name"])
    how = rehearsal(wanted, live)
    try:
        after = await cluster.rehearse(wanted, how.manager, how.patch)
    except ApiError as error:
        if error.status in _REFUSALS:
            told = f"{metadata['name']}: the API server would refuse it: {error}"
            raise CommandError(told) from None
        raise
    return live, after, await _foresight(cluster, live, after, settings)


async def _foresight(
    cluster: Cluster, live: Object | None, after: Object, settings: Settings
) -> Foresight:
    snapshot = await cluster.snapshot(live or after)
    unread = [told for told in snapshot.unread if told != snapshot.sight.unread]
    if unread:
        raise CommandError(f"what follows cannot be told: {'; '.join(unread)}")
    before = snapshot.resource if live else None
    if live and before is None:
        raise CommandError(
            f"{snapshot.name}: its spec in the cluster is not understood by this version"
        )
    return foresee(before, read(after), snapshot.observation, settings, snapshot.sight)
