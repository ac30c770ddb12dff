"""``python -m tracedmodel_operator.cli``: the program without its console script."""

import sys

from tracedmodel_operator.cli.program import main

sys.exit(main())
