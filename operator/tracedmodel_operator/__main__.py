"""``python -m tracedmodel_operator``: the same as ``tracedmodel operator``."""

from __future__ import annotations

import sys

from tracedmodel_api.cli import main

if __name__ == "__main__":
    sys.exit(main(["operator", *sys.argv[1:]]))
