"""``python -m zonewright_gateway``: the agent of this host, with the devices of `devices.yaml` beside its settings."""

from __future__ import annotations

import argparse
import os
import signal
import sys

from zonewright_agent.agent import Agent
from zonewright_agent.configuration import Configuration, ConfigurationError, surroundings
from zonewright_agent.configuration import load as load_settings
from zonewright_agent.running import make_sources, run
from zonewright_gateway.credentials import unreadable
from zonewright_gateway.declared import Declared, load
from zonewright_gateway.gateway import Gateway, Polling
from zonewright_gateway.making import make, missing_libraries

DEVICES = "devices.yaml"


def main(argv: list[str] | None = None) -> int:
    """Run the gateway; returns the exit code."""
    parser = argparse.ArgumentParser(prog="zonewright_gateway", description="Reports meters of a site, and this host.")
    parser.add_argument("--config", required=True, metavar="FILE", help="the settings of the agent, as TOML")
    parser.add_argument(
        "--devices", metavar="FILE", help=f"the devices, as YAML (default: {DEVICES} beside the settings)"
    )
    parser.add_argument("--once", action="store_true", help="read twice, send, and exit")
    parser.add_argument("--check-config", action="store_true", help="only check settings and devices")
    arguments = parser.parse_args(argv)
    devices = arguments.devices or os.path.join(os.path.dirname(arguments.config), DEVICES)
    try:
        settings, declared = _read(arguments.config, devices, is_check=arguments.check_config)
    except ConfigurationError as error:
        for sentence in error.sentences:
            print(sentence, file=sys.stderr)
        return 2
    if arguments.check_config:
        print(f"good: {settings.agent} reads {len(declared.devices)} devices and reports to {settings.url}")
        return 0
    # Before any thread begins: the signals that stop it are waited for by the first thread alone.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    return run(settings, is_once=arguments.once, make=lambda given: _made(given, declared, is_once=arguments.once))


def _read(config: str, devices: str, *, is_check: bool) -> tuple[Configuration, Declared]:
    """Settings and devices.

    Raises:
        ConfigurationError: with what is wrong with both of them.
    """
    sentences: list[str] = []
    settings, declared = None, None
    try:
        settings = load_settings(config)
        if is_check:
            surroundings(settings, config)
    except ConfigurationError as error:
        sentences += error.sentences
    try:
        declared = load(devices)
        if is_check:
            secrets = (one.secret for one in declared.devices if one.secret is not None)
            sentences += [f"{devices}: {one}" for one in (*missing_libraries(declared), *unreadable(secrets))]
    except ConfigurationError as error:
        sentences += error.sentences
    if settings is None or declared is None or sentences:
        raise ConfigurationError(sentences)
    return settings, declared


def _made(settings: Configuration, declared: Declared, *, is_once: bool) -> Agent:
    devices = make(declared, interval_s=settings.interval_s)
    polling = Polling(devices, parallel=declared.parallel)
    gateway = Gateway(settings, make_sources(settings), devices, polling, is_once=is_once)
    if not is_once:
        polling.start()
    return gateway


if __name__ == "__main__":
    sys.exit(main())
