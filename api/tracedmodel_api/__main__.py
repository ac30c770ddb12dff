"""``python -m tracedmodel_api`` is ``tracedmodel``."""

import sys

from tracedmodel_api.cli import main

if __name__ == "__main__":
    sys.exit(main())
