"""``python -m zonewright_agent``: sample, spool, send; again and again."""

from __future__ import annotations

import sys

from zonewright_agent.configuration import ConfigurationError, load, surroundings

_NAMED = 2
"""Words that name the settings."""


def main(argv: list[str] | None = None) -> int:
    """Run the agent; returns the exit code."""
    words = sys.argv[1:] if argv is None else argv
    flags = [word for word in words if word in ("--once", "--check-config")]
    others = [word for word in words if word not in flags]
    if len(others) == _NAMED and others[0] == "--config" and not others[1].startswith("-"):
        return _work(others[1], is_once="--once" in flags, is_check="--check-config" in flags)
    import argparse  # noqa: PLC0415 - for help and misuse; what is meant well is started without, on every host of a roll-out

    parser = argparse.ArgumentParser(prog="zonewright_agent", description="Reports power and load of this host.")
    parser.add_argument("--config", required=True, metavar="FILE", help="the settings, as TOML")
    parser.add_argument("--once", action="store_true", help="sample twice, send, and exit")
    parser.add_argument("--check-config", action="store_true", help="only check the settings")
    arguments = parser.parse_args(words)
    return _work(arguments.config, is_once=arguments.once, is_check=arguments.check_config)


def _work(path: str, *, is_once: bool, is_check: bool) -> int:
    try:
        settings = load(path)
        if is_check:
            surroundings(settings, path)
    except ConfigurationError as error:
        for sentence in error.sentences:
            print(sentence, file=sys.stderr)
        return 2
    if is_check:
        print(f"good: agent {settings.agent} reports {', '.join(settings.sources)} to {settings.url}")
        return 0
    from zonewright_agent.running import run  # noqa: PLC0415 - a check of the settings, on each host, needs none of it

    return run(settings, is_once=is_once)


if __name__ == "__main__":
    sys.exit(main())
