"""A server as a process of its own: ``python -m apiserver --port 8001``."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from apiserver.cluster import SYSTEM, FakeCluster
from apiserver.control import Control
from apiserver.controllers import Controllers
from apiserver.kubeconfig import write_kubeconfig
from apiserver.transport import InProcess
from apiserver.web import Front


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="apiserver", description=__doc__)
    parser.add_argument(
        "--port", type=int, default=0, help="of the loopback address; 0: a free one"
    )
    parser.add_argument("--kubeconfig", type=Path, help="write a kubeconfig file for the operator")
    parser.add_argument("--namespace", action="append", default=[], help="make a namespace")
    parser.add_argument("--history", type=int, help="changes of a kind to remember; default: all")
    parser.add_argument("--log", type=int, help="requests to remember; default: all")
    parser.add_argument(
        "--controllers",
        type=float,
        metavar="SECONDS",
        help="play controllers, a turn every so often",
    )
    return parser.parse_args()


async def _play(cluster: FakeCluster, seconds: float) -> None:
    controllers = Controllers(InProcess(cluster, user=SYSTEM))
    while True:
        await controllers.turn()
        await asyncio.sleep(seconds)


async def _main(options: argparse.Namespace) -> None:
    spaces = ("default", *options.namespace)
    cluster = FakeCluster(namespaces=spaces, history=options.history, log=options.log)
    front = Front(cluster)
    Control(front)
    url = await front.start(options.port)
    if options.kubeconfig:
        write_kubeconfig(options.kubeconfig, url)
    sys.stdout.write(f"{url}\n")
    sys.stdout.flush()
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    playing = (
        asyncio.create_task(_play(cluster, options.controllers)) if options.controllers else None
    )
    await stopped.wait()
    if playing:
        playing.cancel()
    await front.stop()


if __name__ == "__main__":
    asyncio.run(_main(_options()))
