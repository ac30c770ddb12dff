"""``status``: what is true of a resource and all that follows from it, why, and what to do."""

from __future__ import annotations

import argparse
from datetime import datetime, timezone

from tracedmodel_operator.cli import options, waiting
from tracedmodel_operator.cli.cluster import Cluster
from tracedmodel_operator.cli.errors import CommandError
from tracedmodel_operator.cli.overview import document, overview, table

summary = "show what is true of a TracedModel, from the model to its pods, and what to do; or a line of each"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    options.add_name(parser, optional=True)
    parser.add_argument(
        "-A", "--all-namespaces", action="store_true", help="a line of each, of all namespaces"
    )
    waiting.add_options(parser, optional=True)
    options.add_output(parser)
    options.add_cluster_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show the status; with --wait, once it is Ready or will not become so."""

    async def work(cluster: Cluster) -> int:
        _demand_sense(arguments)
        if arguments.name is None:
            return await _all(cluster, arguments)
        code = 0
        if arguments.wait:
            code = await waiting.wait(cluster, arguments.name, arguments.timeout)
        await _one(cluster, arguments)
        return code

    return options.execute(arguments, work)


def _demand_sense(arguments: argparse.Namespace) -> None:
    """Refuse options that would do nothing."""
    if arguments.name and arguments.all_namespaces:
        raise CommandError("a NAME is looked for in one namespace: leave -A out, or the name")
    if arguments.wait and not arguments.name:
        raise CommandError("--wait waits for one TracedModel: name it")


async def _one(cluster: Cluster, arguments: argparse.Namespace) -> None:
    snapshot = await cluster.snapshot(await cluster.resource(arguments.name))
    if arguments.output:
        options.write(document(snapshot), arguments.output)
        return
    console = options.console()
    options.show(overview(snapshot, options.width_of(console)), console)


async def _all(cluster: Cluster, arguments: argparse.Namespace) -> int:
    everywhere = arguments.all_namespaces
    items = await cluster.resources(everywhere=everywhere)
    if arguments.output:
        options.write({"apiVersion": "v1", "kind": "List", "items": items}, arguments.output)
        return 0
    console = options.console()
    if not items:
        where = "in any namespace" if everywhere else f"in namespace {cluster.namespace}"
        console.print(f"there is no TracedModel {where}")
        return 0
    now = datetime.now(timezone.utc)
    lines = table(items, now, options.width_of(console), everywhere=everywhere)
    options.show(lines, console)
    return 0
