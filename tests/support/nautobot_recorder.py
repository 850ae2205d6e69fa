"""Record a real Nautobot: ``ZONEWRIGHT_NAUTOBOT=DIR PYTHONPATH=tests python -m support.nautobot_recorder``.

Fields that nothing here reads are left out of the record.
"""

import sys
from pathlib import Path
from typing import Any

from support.nautobot_demo import Writer, fill
from support.nautobot_server import VARIABLE, environment, nautobot_server
from support.netbox_recorder import as_text, lean
from zonewright.estate.inventory.nautobot import ENDPOINTS, Nautobot
from zonewright.estate.inventory.server import read_all

FIXTURE = Path(__file__).resolve().parents[1] / "fixtures" / "nautobot-3.2" / "said.json"
_LEFT_OUT = {
    *("notes_url", "natural_slug", "object_type", "cable_peer", "cable_peer_type", "tree_depth", "computed_fields"),
    *("front_image", "rear_image", "contact_email", "contact_name", "contact_phone", "physical_address", "asn"),
    *("shipping_address", "facility", "description_template", "software_version", "software_image_files", "clusters"),
    *("secrets_group", "virtual_chassis", "vc_position", "vc_priority", "device_redundancy_group", "platform", "color"),
    *("device_redundancy_group_priority", "controller_managed_device_group", "connected_endpoint_reachable"),
}


def _leaner(value: Any) -> Any:
    """An answer without what nothing reads, also of references: their id counts."""
    if isinstance(value, dict):
        return {key: _leaner(inner) for key, inner in value.items() if key not in _LEFT_OUT}
    return [_leaner(one) for one in value] if isinstance(value, list) else value


def record(url: str, token: str) -> None:
    """Fill an empty Nautobot, and write what it says."""
    fill(Writer(url=url, token=token))
    said = read_all(Nautobot(url=url, token=token), ENDPOINTS)
    used = {one["status"]["id"] for of in said.values() for one in of if isinstance(one.get("status"), dict)}
    said["extras/statuses"] = [one for one in said["extras/statuses"] if one["id"] in used]
    FIXTURE.parent.mkdir(exist_ok=True)
    FIXTURE.write_text(as_text(_leaner(lean(said))), "utf-8")


def main() -> int:
    """Start a Nautobot and record it."""
    where = environment()
    if where is None:
        sys.stderr.write(f"set {VARIABLE} to a virtual environment that has Nautobot\n")
        return 2
    with nautobot_server(where) as server:
        record(server.url, server.token)
    return 0


if __name__ == "__main__":
    sys.exit(main())
