"""What names a change, and the one-line form of a place that stands in a stack's state."""

import re
from collections.abc import Collection, Mapping

from zonewright.ledger.protocol.holding_messages import PoolAddresses
from zonewright.model.canonical import canonical_json, digest_of
from zonewright.model.rack_position import RackPosition

_PLACE = re.compile(r"^(?P<rack>\S+) U(?P<position>\d+)(?P<rear> rear)?(?P<addresses>(?: [a-z0-9-]+=\S+)*)$")


def place_text(seat: RackPosition, addresses: Mapping[str, str]) -> str:
    """A place as one line.

    Example:
        >>> place_text(RackPosition(rack="qp-dc1/c/01/07", position=3), {"ipv4": "10.80.16.5/20"})
        'qp-dc1/c/01/07 U3 ipv4=10.80.16.5/20'
    """
    return " ".join([str(seat), *(f"{pool}={address}" for pool, address in sorted(addresses.items()))])


def parse_place(text: str) -> tuple[RackPosition, PoolAddresses]:
    """The reverse of ``place_text``.

    Raises:
        ValueError: when the text is not such a line.
    """
    match = _PLACE.match(text)
    if match is None:
        raise ValueError(f"expected a place such as 'qp-dc1/c/01/07 U3 ipv4=10.80.16.5/20', got '{text}'")
    seat = RackPosition(rack=match["rack"], position=int(match["position"]), face="rear" if match["rear"] else "front")
    return seat, {pool: address for pool, _, address in (item.partition("=") for item in match["addresses"].split())}


def passed_text(rendered_digest: str, gated: Collection[str]) -> str:
    """What is handed in where all files of gated formats passed: a text that says so, known by its digest.

    Args:
        rendered_digest: digest of the manifest of the files.
        gated: ids of the formats that the zone gates.
    """
    return canonical_json({"passed": sorted(gated), "rendered": rendered_digest})


def change_digest(
    demand_digest: str,
    seats: Mapping[str, RackPosition],
    addresses: Mapping[str, Mapping[str, str]],
    rendered_digest: str,
) -> str:
    """Names a change: the same demand, places, addresses and files are the same change."""
    places = {name: place_text(seat, addresses.get(name, {})) for name, seat in seats.items()}
    return digest_of(canonical_json({"demand": demand_digest, "places": places, "rendered": rendered_digest}))
