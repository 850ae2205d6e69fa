"""Start the language host: `python -P -m zonewright.engine.language_host --executor FILE [flags] ENGINE_ADDRESS`.

The launcher `pulumi-language-python` beside the engine calls it; nobody else needs to.
"""

import asyncio
import sys

from zonewright.collector import collect_rarely

collect_rarely()
from zonewright.engine.language_host.server import main  # noqa: E402 - its imports are what is meant

if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
