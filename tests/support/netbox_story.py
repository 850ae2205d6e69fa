"""One story of an estate, told to a real NetBox and to a recorded one: adopt, load, grow, export, adopt again."""

import os
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path

import yaml

from zonewright.cli import main

Told = dict[str, tuple[int, str]]
"""Exit code and output of each step by its name."""
Say = Callable[[], str]


def grow(folder: Path) -> None:
    """What is done by hand: two nodes more without a place, one moves within its rack, and a site has one VLAN more."""
    path = folder / "tenant-lagoon-bank.yaml"
    tree = yaml.safe_load(path.read_text("utf-8"))
    cluster = tree["clusters"]["db"]
    cluster["count"] += 2
    cluster["places"]["001"]["position"] = 20
    path.write_text(yaml.safe_dump(tree, sort_keys=False), "utf-8")
    path = folder / "facility-harbour-hosting.yaml"
    tree = yaml.safe_load(path.read_text("utf-8"))
    north = tree["sites"]["north"]
    north["vlans"]["own"] = {"vid": 140, "name": "Own servers", "tenant": "harbour-hosting"}
    pool = {"prefix": "10.20.4.0/24", "gateway": "10.20.4.1", "interface": "lan0", "vlan": "own"}
    north["address_pools"]["own"] = pool
    path.write_text(yaml.safe_dump(tree, sort_keys=False), "utf-8")


def story(url: str, token: str, where: Path, said: Say) -> Told:
    """Tell it.

    Args:
        url: the NetBox.
        token: for it.
        where: an empty folder.
        said: gives what was printed since it was called last.
    """
    told: Told = {}
    before = os.environ.get("ZONEWRIGHT_NETBOX_TOKEN")
    os.environ["ZONEWRIGHT_NETBOX_TOKEN"] = token

    def step(name: str, *words: str) -> None:
        said()
        code = main(list(words))
        told[name] = (code, said())

    try:
        with chdir(where):
            adopt = ("adopt", "zone", "--netbox", url, "--operator", "south=bay-cables")
            step("adopt", *adopt)
            step("adopt again", *adopt)
            step("check", "check", "zone")
            step("load", "ledger", "load", "zone")
            step("no drift", "export", "zone", "--netbox", url, "--dry-run")
            grow(where / "zone")
            step("load more", "ledger", "load", "zone", "--only", "harbour-hosting", "--only", "lagoon-bank")
            step("drift", "export", "zone", "--netbox", url, "--dry-run")
            step("export", "export", "zone", "--netbox", url)
            step("export again", "export", "zone", "--netbox", url)
            step("adopt at the end", *adopt)
    finally:
        os.environ.pop("ZONEWRIGHT_NETBOX_TOKEN")
        if before is not None:
            os.environ["ZONEWRIGHT_NETBOX_TOKEN"] = before
    return told
