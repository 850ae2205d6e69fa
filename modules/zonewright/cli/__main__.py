"""``python -m zonewright.cli``."""

import sys

from zonewright.cli import main

sys.exit(main())
