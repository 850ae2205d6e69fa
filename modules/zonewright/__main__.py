"""``python -m zonewright``: the command line, where its program is not on the PATH."""

import sys

from zonewright.cli import main

sys.exit(main())
