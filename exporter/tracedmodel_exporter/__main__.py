"""``python -m tracedmodel_exporter`` is ``tracedmodel export``."""

import sys

from tracedmodel_api.cli import main

if __name__ == "__main__":
    sys.exit(main(["export", *sys.argv[1:]]))
