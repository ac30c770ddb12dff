"""``logs``: what exporters and servers wrote, each line with its pod."""

from __future__ import annotations

import argparse
import asyncio
from itertools import cycle

from rich.console import Console
from rich.text import Text

from tracedmodel_operator.cli import options
from tracedmodel_operator.cli.cluster import Cluster, Object
from tracedmodel_operator.cli.errors import CommandError
from tracedmodel_operator.errors import NotFound, Refused
from tracedmodel_operator.names import EXPORT, SERVING
from tracedmodel_operator.podstate import read_pod

summary = "show the logs of a TracedModel's export and servers, by pod"

_COLOURS = ("cyan", "magenta", "green", "yellow", "blue")
_NO_LOG = (400, 404)
"""It waits to start or had no run before; or is gone."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    options.add_name(parser)
    parser.add_argument("--export", action="store_true", help="of exporters alone")
    parser.add_argument("--serving", action="store_true", help="of servers alone")
    parser.add_argument("-f", "--follow", action="store_true", help="go on as they write more")
    parser.add_argument(
        "-p",
        "--previous",
        action="store_true",
        help="of containers that ended and were started again",
    )
    parser.add_argument(
        "--tail", type=_count, metavar="LINES", help="the last lines of each pod alone"
    )
    options.add_cluster_options(parser)


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"given {text!r}; write a number of lines")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Show the logs."""
    parts = {EXPORT: arguments.export, SERVING: arguments.serving}
    chosen = tuple(part for part, wanted in parts.items() if wanted) or (EXPORT, SERVING)
    query = {"follow": "true"} if arguments.follow else {}
    query |= {"previous": "true"} if arguments.previous else {}
    query |= {"tailLines": str(arguments.tail)} if arguments.tail is not None else {}

    async def work(cluster: Cluster) -> int:
        await cluster.resource(arguments.name)
        pods = await cluster.pods(arguments.name, chosen)
        if not pods:
            raise CommandError(_none(arguments.name, chosen))
        await _show(cluster, sorted(pods, key=_age), query)
        return 0

    return options.execute(arguments, work)


def _none(name: str, parts: tuple[str, ...]) -> str:
    what = " or ".join({EXPORT: "export", SERVING: "serving"}[part] for part in parts)
    return (
        f"{name} has no {what} pod, so there is no log: those of exports are removed an hour after their end; "
        f"kubectl tracedmodel status {name} says what is known"
    )


def _age(pod: Object) -> tuple[str, str]:
    return pod["metadata"].get("creationTimestamp") or "", pod["metadata"]["name"]


async def _show(cluster: Cluster, pods: list[Object], query: dict[str, str]) -> None:
    """Show the pods' logs one after the other, or as lines come where they are followed."""
    console = options.console()
    coloured = zip(pods, cycle(_COLOURS), strict=False)
    works = (_of_pod(cluster, console, pod, colour, query) for pod, colour in coloured)
    if "follow" in query:
        await asyncio.gather(*works)
        return
    for work in works:
        await work


async def _of_pod(
    cluster: Cluster, console: Console, pod: Object, colour: str, query: dict[str, str]
) -> None:
    name, silent = pod["metadata"]["name"], True
    try:
        async for line in cluster.log(name, **query):
            console.print(Text(f"{name}: ", style=colour).append(line, "not bold default"))
            silent = False
    except (Refused, NotFound) as error:
        if error.status not in _NO_LOG:
            raise
        console.print(Text(f"{name}: no log: {error}", style="dim"))
        return
    if silent:
        console.print(Text(f"{name}: wrote nothing: {_doing(pod)}", style="dim"))


def _doing(pod: Object) -> str:
    """Say what a pod does that wrote nothing, or what keeps it."""
    trouble = read_pod(pod).trouble
    if trouble:
        return f"{trouble.reason}: {trouble.message}"
    return f"it is {(pod.get('status') or {}).get('phase', 'Pending')}"
