"""``logs``: what exporters and servers wrote, each line with its pod."""

from __future__ import annotations

import argparse

from tracedmodel_operator.cli import options
from tracedmodel_operator.cli.cluster import Cluster, Object
from tracedmodel_operator.cli.errors import CommandError
from tracedmodel_operator.cli.following import Follower
from tracedmodel_operator.cli.podlog import NO_LOG, Lines, by_age, doing, no_pod
from tracedmodel_operator.errors import NotFound, Refused
from tracedmodel_operator.names import EXPORT, SERVING

summary = "show the logs of a TracedModel's export and servers, by pod"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    options.add_name(parser)
    parser.add_argument("--export", action="store_true", help="of exporters alone")
    parser.add_argument("--serving", action="store_true", help="of servers alone")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "-f",
        "--follow",
        action="store_true",
        help="go on as they write more, and with pods that start later, until Ctrl-C",
    )
    which.add_argument(
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
    query = {"previous": "true"} if arguments.previous else {}
    query |= {"tailLines": str(arguments.tail)} if arguments.tail is not None else {}

    async def work(cluster: Cluster) -> int:
        await cluster.resource(arguments.name)
        lines = Lines(options.console())
        if arguments.follow:
            await Follower(cluster, lines, query).follow(arguments.name, chosen)
            return 0
        pods = await cluster.pods(arguments.name, chosen)
        if not pods:
            raise CommandError(_none(arguments.name, chosen))
        for pod in sorted(pods, key=by_age):
            await _show(cluster, lines, pod, query)
        return 0

    return options.execute(arguments, work)


def _none(name: str, parts: tuple[str, ...]) -> str:
    return (
        f"{no_pod(name, parts)}, so there is no log: those of exports are removed an hour after their end; "
        f"kubectl tracedmodel status {name} says what is known"
    )


async def _show(cluster: Cluster, lines: Lines, pod: Object, query: dict[str, str]) -> None:
    name, silent = pod["metadata"]["name"], True
    try:
        async for line in cluster.log(name, **query):
            lines.write(name, line)
            silent = False
    except (Refused, NotFound) as error:
        if error.status not in NO_LOG:
            raise
        lines.remark(name, f"no log: {error}")
        return
    if silent:
        lines.remark(name, f"wrote nothing: {doing(pod)}")
