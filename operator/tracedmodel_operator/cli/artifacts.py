"""``artifacts``: the indexes that are kept of a resource, and which spec goes back to each."""

from __future__ import annotations

import argparse

from tracedmodel_operator.cli import options
from tracedmodel_operator.cli.cluster import Cluster
from tracedmodel_operator.cli.shelf import as_documents, shelf

summary = (
    "show a TracedModel's kept artifacts: served, last good, rejected, and what goes back to each"
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    options.add_name(parser)
    options.add_output(parser)
    options.add_cluster_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show the artifacts."""

    async def work(cluster: Cluster) -> int:
        snapshot = await cluster.snapshot(await cluster.resource(arguments.name))
        if arguments.output:
            options.write(as_documents(snapshot), arguments.output)
            return 0
        console = options.console()
        if not snapshot.observation.indexes:
            told = " ".join(snapshot.unread) or "nothing was exported yet"
            console.print(f"{snapshot.name} has no artifact: {told}", markup=False)
            return 0
        options.show(shelf(snapshot, options.width_of(console)), console)
        return 0

    return options.execute(arguments, work)
