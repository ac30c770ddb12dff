"""``tracedmodel serve`` whose model does what texts tell it: raise, exit, hang or die. None of it is in the product.

What hangs does so until the file ``FAULTY_GATE`` is there.
"""

import os
import sys
import time
from pathlib import Path

from tracedmodel_api.cli import main
from tracedmodel_server import lifecycle
from tracedmodel_server.model import Model

GATE = Path(os.environ.get("FAULTY_GATE", "/nowhere"))
honest_run, honest_open = Model.run, lifecycle.open_artifact


def hang():
    """Return when the gate is there."""
    while not GATE.exists():
        time.sleep(0.005)


def run(model, bucket, items, reduce):
    """Run a batch, unless one of its texts says otherwise."""
    for item in items:
        match getattr(item.item, "text", ""):
            case "raise":
                raise RuntimeError("the device is gone")
            case "exit":
                raise SystemExit(3)
            case "hang":
                hang()
            case "die":
                os.abort()
    return honest_run(model, bucket, items, reduce)


def open_artifact(*arguments):
    """Open an artifact from a store that does not answer while it is told so."""
    if "FAULTY_STORE" in os.environ:
        hang()
    return honest_open(*arguments)


if __name__ == "__main__":
    Model.run, lifecycle.open_artifact = run, open_artifact
    sys.exit(main(["serve"]))
