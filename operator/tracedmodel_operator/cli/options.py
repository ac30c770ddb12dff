"""The options that every command has, and running a command against the cluster that they name."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.text import Text

from tracedmodel_operator.cli.cluster import Cluster
from tracedmodel_operator.cli.errors import CommandError, sentence
from tracedmodel_operator.errors import ApiError, NoAccess
from tracedmodel_operator.kube import ClientTransport, find_namespace

Work = Callable[[Cluster], Awaitable[int]]


def add_cluster_options(parser: argparse.ArgumentParser) -> None:
    """Add where the cluster is."""
    group = parser.add_argument_group("cluster")
    group.add_argument(
        "-n", "--namespace", metavar="NAME", help="namespace (default: that of the context)"
    )
    group.add_argument(
        "--kubeconfig", metavar="FILE", help="(default: $KUBECONFIG, or ~/.kube/config)"
    )
    group.add_argument(
        "--context", metavar="NAME", help="context of the kubeconfig (default: the current one)"
    )


def add_name(parser: argparse.ArgumentParser, *, optional: bool = False) -> None:
    """Add the name of a TracedModel, as ``NAME``, ``tm/NAME`` or ``tracedmodel/NAME``."""
    action = parser.add_argument(
        "name", metavar="NAME", nargs="?" if optional else None, type=_name, help="a TracedModel"
    )
    action.completer = complete_names  # type: ignore[attr-defined]  # what argcomplete looks for


def _name(text: str) -> str:
    return text.rpartition("/")[2]


def add_output(parser: argparse.ArgumentParser) -> None:
    """Add the choice of a format for programs."""
    parser.add_argument("-o", "--output", choices=("json", "yaml"), help="for programs")


def execute(arguments: argparse.Namespace, work: Work) -> int:
    """Run a command; what keeps it from its answer becomes a sentence and exit code 1."""
    try:
        return asyncio.run(_connected(arguments, work))
    except (CommandError, NoAccess) as error:
        sys.stderr.write(f"{sentence(error)}\n")
    except BrokenPipeError:
        # Whoever read, such as head, has enough. Python would write the rest at its end, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


_DEFAULT = str(Path("~/.kube/config").expanduser())


async def _connected(arguments: argparse.Namespace, work: Work) -> int:
    kubeconfig = arguments.kubeconfig or os.environ.get("KUBECONFIG") or _DEFAULT
    namespace = arguments.namespace or find_namespace(kubeconfig, arguments.context)
    transport = await ClientTransport.of(kubeconfig, arguments.context)
    try:
        return await work(Cluster(transport, namespace))
    except ApiError as error:
        raise CommandError(sentence(error, transport.server)) from error
    finally:
        await transport.close()


def complete_names(parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    """Return the names in the namespace that is meant, none where no cluster answers in time."""
    found: list[str] = []

    async def ask(cluster: Cluster) -> int:
        items = await asyncio.wait_for(cluster.resources(), _COMPLETION_SECONDS)
        found.extend(item["metadata"]["name"] for item in items)
        return 0

    try:
        asyncio.run(_connected(parsed_args, ask))
    except (CommandError, NoAccess, asyncio.TimeoutError):
        return []
    return found


_COMPLETION_SECONDS = 3


def console() -> Console:
    """Return where a command writes: colours on a terminal alone, and no line cut by us."""
    return Console(highlight=False, soft_wrap=True)


def width_of(target: Console) -> int | None:
    """Return the columns of a terminal; None where there is none to wrap lines for."""
    return target.width if target.is_terminal else None


def show(lines: Iterable[Text], target: Console | None = None) -> None:
    """Write lines."""
    shown = target or console()
    for line in lines:
        shown.print(line)


def write(document: Any, output: str) -> None:
    """Write a document for programs."""
    if output == "json":
        sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120))
