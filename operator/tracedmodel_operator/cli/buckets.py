"""``buckets``: what was proved and measured of each bucket, and what is wasted on padding."""

from __future__ import annotations

import argparse
import asyncio

from tracedmodel_operator.cli import options
from tracedmodel_operator.cli.cluster import Cluster, Object
from tracedmodel_operator.cli.shapes import Waste, as_documents, shapes, waste
from tracedmodel_operator.names import SERVING
from tracedmodel_operator.podstate import read_pod
from tracedmodel_operator.reconcile import read_status

summary = (
    "show a TracedModel's buckets: times, error, agreement, size, compiled percent and padding"
)

_ASKED = 3
"""Servers that are asked for their metrics at most."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    options.add_name(parser)
    options.add_output(parser)
    options.add_cluster_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show the buckets."""

    async def work(cluster: Cluster) -> int:
        status = read_status((await cluster.resource(arguments.name)).get("status") or {})
        wasted = await _wasted(cluster, arguments.name) if status.artifact else {}
        if arguments.output:
            options.write(as_documents(status, wasted), arguments.output)
            return 0
        console = options.console()
        if status.artifact is None:
            console.print(
                f"{arguments.name} has no artifact: nothing was exported yet", markup=False
            )
            return 0
        options.show(shapes(status, wasted), console)
        return 0

    return options.execute(arguments, work)


async def _wasted(cluster: Cluster, name: str) -> Waste:
    pods = await cluster.pods(name, (SERVING,))
    ready = [pod for pod in pods if read_pod(pod).ready][:_ASKED]
    pages = await asyncio.gather(
        *(cluster.metrics(pod["metadata"]["name"], _port(pod)) for pod in ready)
    )
    return waste(pages)


def _port(pod: Object) -> int:
    """Return the port that a server listens on."""
    ports = (p for c in pod["spec"].get("containers") or () for p in c.get("ports") or ())
    return next((int(port["containerPort"]) for port in ports), 8080)
