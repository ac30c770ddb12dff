"""``retry``: asks for a new export, or for another try after Stalled. The only write of all commands."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime, timezone

from tracedmodel_operator.cli import options, waiting
from tracedmodel_operator.cli.cluster import Cluster
from tracedmodel_operator.moments import spell

summary = "ask for another try, or for a new export of a floating revision (sets tracedmodel.dev/requested-at)"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    options.add_name(parser)
    waiting.add_options(parser, optional=True)
    options.add_cluster_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask, and wait if that is wanted."""

    async def work(cluster: Cluster) -> int:
        item = await cluster.resource(arguments.name)
        value = spell(datetime.now(timezone.utc), "milliseconds")
        await cluster.request_again(arguments.name, value)
        sys.stdout.write(
            f"tracedmodel.tracedmodel.dev/{arguments.name} asked to try again at {value}\n"
        )
        sys.stdout.flush()
        if item["spec"].get("suspend"):
            sys.stderr.write("nothing happens before spec.suspend is false\n")
        if not arguments.wait:
            return 0
        return await waiting.wait(cluster, arguments.name, arguments.timeout)

    return options.execute(arguments, work)
