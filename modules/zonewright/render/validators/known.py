"""Which programs may judge the files of a zone's own format: a list by name, and what the user adds to it."""

import re
from collections.abc import Mapping
from pathlib import Path

VARIABLE = "ZONEWRIGHT_VALIDATORS"
SETTINGS = "zonewright/validators"
"""Below the user's folder of settings: names of programs, one on each line."""
_MAX_BYTES = 10_000

KNOWN = frozenset(
    {
        "amtool",
        "bird",
        "chronyd",
        "dnsmasq",
        "grep",
        "haproxy",
        "jq",
        "kea-ctrl-agent",
        "kea-dhcp4",
        "kea-dhcp6",
        "keepalived",
        "named-checkconf",
        "named-checkzone",
        "netplan",
        "nft",
        "nginx",
        "promtool",
        "rsyslogd",
        "sshd",
        "systemd-analyze",
        "unbound-checkconf",
        "visudo",
        "vtysh",
        "xmllint",
        "yamllint",
    }
)
"""Programs that read a configuration and say what they find; no shell, and no language that runs what it is given."""


def may_judge(program: str, variables: Mapping[str, str]) -> bool:
    """Whether a zone's format may name a program: it is known, or the user who runs this allows it.

    Args:
        program: its name.
        variables: the environment of the user; a file of the zone or of the project is never asked.
    """
    return program in KNOWN or program in listed_by_user(variables, variable=VARIABLE, settings=SETTINGS)


def settings_file(variables: Mapping[str, str], settings: str = SETTINGS) -> Path | None:
    """Where the user's own list is; None where the user has no folder of settings."""
    base = variables.get("XDG_CONFIG_HOME", "")
    if not base.startswith("/"):
        home = variables.get("HOME", "")
        base = f"{home}/.config" if home.startswith("/") else ""
    return Path(base) / settings if base else None


def listed_by_user(variables: Mapping[str, str], *, variable: str, settings: str) -> frozenset[str]:
    """What the user trusts: words of a variable, and lines of a file; no file of a zone or a project is asked.

    Args:
        variables: the environment of the user.
        variable: name of the variable, with commas or spaces between its words.
        settings: the file, below the user's folder of settings.
    """
    words = re.split(r"[,\s]+", variables.get(variable, ""))
    file = settings_file(variables, settings)
    if file is not None and file.is_file():
        with file.open(encoding="utf-8", errors="replace") as stream:
            lines = stream.read(_MAX_BYTES).splitlines()
        words += [line.partition("#")[0].strip() for line in lines]
    return frozenset(words) - {""}
