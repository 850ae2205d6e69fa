"""The agent's log: one JSON object for each line of standard error."""

import json
import sys


def log(event: str, **values: object) -> None:
    """Write one event. A standard error that is closed ends nothing: readings go on."""
    try:
        print(json.dumps({"event": event, **values}, sort_keys=True), file=sys.stderr, flush=True)
    except OSError:
        return
