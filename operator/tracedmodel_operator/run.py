"""``tracedmodel run``: from a manifest to a served model on this machine, without a cluster."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from urllib.parse import unquote

from rich.console import Console

from tracedmodel_api import manifests
from tracedmodel_api.report import Failure
from tracedmodel_api.types import TracedModel
from tracedmodel_operator import tables
from tracedmodel_operator.endpoint import served

summary = "export, verify and serve a manifest on this machine, until Ctrl-C"

_MOST_PORT = 65535


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("file", metavar="FILE", type=Path, help="a TracedModel manifest")
    parser.add_argument(
        "--model",
        metavar="PATH",
        type=Path,
        help="a folder with the model, in place of spec.model.source",
    )
    parser.add_argument(
        "--store",
        metavar="URL",
        help="where artifacts are kept, in place of spec.store (default: a folder of your cache)",
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: %(default)s)"
    )
    parser.add_argument(
        "--port",
        type=_port,
        default=8080,
        help="port to listen on, 0 for a free one (default: %(default)s)",
    )


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > _MOST_PORT:
        raise argparse.ArgumentTypeError(
            f"given {text!r}; write a whole number from 0 to {_MOST_PORT}"
        )
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Serve the manifest until told to stop."""
    console = Console(stderr=True, highlight=False)
    resource = read(arguments.file, arguments.model, arguments.store)
    with _stoppable(), served(resource, arguments.host, arguments.port, console) as endpoint:
        console.print(tables.how_to_call(resource, endpoint.url, endpoint.card()), soft_wrap=True)
        console.print("Ctrl-C stops it.")
        endpoint.watch()
    return 0


def read(file: Path, model: Path | None = None, store: str | None = None) -> TracedModel:
    """Return the resource in a file, made to fit this machine: its model, its store, one replica."""
    with manifests.reading(file):
        documents = list(manifests.read_documents(file.read_text(encoding="utf-8")))
        if len(documents) != 1:
            raise Failure(
                "InvalidRequest", f"{file}: write one manifest; {len(documents)} are in it"
            )
        document = documents[0]
        resource = manifests.parse(document)
        if model is not None:
            document["spec"]["model"]["source"] = model.resolve().as_uri()
            document["spec"]["model"].pop("revision", None)
        if store is not None or resource.spec.store is None:
            document["spec"]["store"] = {"url": _store_url(store) if store else _default_store()}
        document["spec"].setdefault("serving", {})["replicas"] = 1
        document["spec"]["serving"].pop("autoscaling", None)
        return manifests.parse(document)


def _default_store() -> str:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return (cache / "tracedmodel" / "store").absolute().as_uri()


def _store_url(store: str) -> str:
    """Return a store as a URL; a path of this machine may have any characters, and need not be absolute."""
    path = store.removeprefix("file://")
    if "://" in path or unquote(path) != path:
        return store
    return Path(path).absolute().as_uri()


@contextmanager
def _stoppable() -> Iterator[None]:
    """Make SIGINT, SIGTERM and SIGHUP end the block quietly."""
    before = {
        number: signal.signal(number, _stop)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    except _Stopped:
        sys.stderr.write("stopped\n")
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Stopped(Exception):  # noqa: N818  # not an error
    """Someone asked to stop."""


def _stop(_number: int, _frame: FrameType | None) -> None:
    # Asked once is enough: what was started must still be stopped in order.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise _Stopped
