"""``wait``: until a TracedModel is Ready, or will not become so."""

from __future__ import annotations

import argparse

from tracedmodel_operator.cli import options, waiting
from tracedmodel_operator.cli.cluster import Cluster

summary = "wait until a TracedModel is Ready, and tell every change; ends with the failure's exit code when Stalled"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    options.add_name(parser)
    waiting.add_options(parser, optional=False)
    options.add_cluster_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Wait."""

    async def work(cluster: Cluster) -> int:
        return await waiting.wait(cluster, arguments.name, arguments.timeout)

    return options.execute(arguments, work)
