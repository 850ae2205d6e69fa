"""``python -m zonewright_agent``: sample, spool, send; again and again."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from zonewright_agent.configuration import ConfigurationError, load, surroundings


def main(argv: list[str] | None = None) -> int:
    """Run the agent; returns the exit code."""
    parser = argparse.ArgumentParser(prog="zonewright_agent", description="Reports power and load of this host.")
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="the settings, as TOML")
    parser.add_argument("--once", action="store_true", help="sample twice, send, and end")
    parser.add_argument("--check-config", action="store_true", help="only say whether the settings are good")
    arguments = parser.parse_args(argv)
    try:
        settings = load(arguments.config)
        if arguments.check_config:
            surroundings(settings, arguments.config)
    except ConfigurationError as error:
        for sentence in error.sentences:
            print(sentence, file=sys.stderr)
        return 2
    if arguments.check_config:
        print(f"good: agent {settings.agent} reports {', '.join(settings.sources)} to {settings.url}")
        return 0
    from zonewright_agent.running import run  # noqa: PLC0415 - a check of the settings, on each host, needs none of it

    return run(settings, is_once=arguments.once)


if __name__ == "__main__":
    sys.exit(main())
