"""Start the language host: `python -P -m zonewright.engine.language_host --executor FILE [flags] ENGINE_ADDRESS`.

The launcher `pulumi-language-python` beside the engine calls it; nobody else needs to.
"""

import asyncio
import sys

from zonewright.engine.language_host.server import main

if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
