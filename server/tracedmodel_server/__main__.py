"""``python -m tracedmodel_server`` is ``tracedmodel serve``."""

import sys

from tracedmodel_api.cli import main

if __name__ == "__main__":
    sys.exit(main(["serve", *sys.argv[1:]]))
