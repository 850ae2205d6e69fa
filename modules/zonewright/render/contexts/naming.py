"""Names and addresses in the DNS: which zones there are for the way back, and what stands in them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from zonewright.model.addresses import address_of, network_of

_V4_BITS, _V6_BITS = 32, 128
_BYTE, _NIBBLE = 8, 4
_LARGEST_V4 = 24
"""A zone of IPv4 is a /24 at most; a smaller network has a zone for each address, which takes nothing of others."""
_SERIALS = 4_294_967_295


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRecord:
    """An address of a name; ``name`` is a label within the zone, ``kind`` A or AAAA."""

    name: str
    kind: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """The way back from an address: ``label`` within the zone (``@`` for the zone itself) to a whole name."""

    label: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReverseZone:
    """A zone below in-addr.arpa or ip6.arpa.

    Attributes:
        key: name of its file, short enough to be read: the part of the address that the zone stands for.
        zone: its name.
        content: a number that comes from its content.
        serial: its serial number.
        pointers: what stands in it, in order of address.
    """

    key: str
    zone: str
    content: int
    serial: int
    pointers: tuple[Pointer, ...]


def domain_of(party: str, site_id: str) -> str:
    """Domain of the names of a party's nodes; .internal is reserved for private use."""
    return f"{party}.{site_id}.internal"


def host_record(name: str, address: str) -> HostRecord:
    """The record of one address."""
    return HostRecord(name=name, kind="A" if address_of(address).version == 4 else "AAAA", address=address)  # noqa: PLR2004


def content_of(content: Iterable[object]) -> int:
    """A number from what a zone holds: another one for another content, the same one on every machine, from 1."""
    text = "\n".join(repr(one) for one in content)
    return int(sha256(text.encode()).hexdigest()[:8], 16) % _SERIALS + 1


def answered_by(content: int, name_servers: int) -> int:
    """The number of a zone's records together with how many name servers the zone names, which its file says too."""
    return content_of((content, name_servers))


def zones_answered_by(zones: Iterable[ReverseZone], name_servers: int) -> tuple[ReverseZone, ...]:
    """Zones with the numbers that they have at so many name servers."""
    numbers = ((one, answered_by(one.content, name_servers)) for one in zones)
    return tuple(replace(one, content=number, serial=number) for one, number in numbers)


def reverse_zones(names: Iterable[tuple[str, str]], networks: Iterable[str]) -> tuple[ReverseZone, ...]:
    """The zones of the addresses that lie in some networks, in order of address.

    Args:
        names: address and whole name with its last dot; the first name of an address is the one that it leads back to.
        networks: whose ways back are to be answered; an address outside is left out.
    """
    known = [network_of(text) for text in networks]
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for text, name in sorted(dict(reversed(list(names))).items(), key=lambda item: _order(item[0])):
        if (place := _way_back(text, known)) is not None:
            zone, label = place
            found[zone][label] = name
    made = []
    for zone, entries in found.items():
        pointers = tuple(Pointer(label=label, target=target) for label, target in entries.items())
        number = content_of(pointers)
        made.append(ReverseZone(key=_key(zone), zone=zone, content=number, serial=number, pointers=pointers))
    return tuple(made)


def reverse_zone_names(addresses: Iterable[str], networks: Iterable[str]) -> set[str]:
    """The names of the zones that these would give.

    Args:
        addresses: those that lead back to a name.
        networks: as of :func:`reverse_zones`.
    """
    known = [network_of(text) for text in networks]
    return {place[0] for text in addresses if (place := _way_back(text, known)) is not None}


def _way_back(text: str, known: Sequence[IPv4Network | IPv6Network]) -> tuple[str, str] | None:
    """Zone and label of an address, by the first network that it lies in."""
    address = address_of(text)
    network = next((one for one in known if one.version == address.version and address in one), None)
    if network is None:
        return None
    labels, own = address.reverse_pointer.split("."), _own_labels(network)
    return ".".join(labels[own:]), ".".join(labels[:own]) or "@"


def _key(zone: str) -> str:
    """``10.80.96`` for 96.80.10.in-addr.arpa, ``20010db80006`` for the zone of 2001:db8:6::/48."""
    *labels, version, _ = zone.split(".")
    return ("." if version == "in-addr" else "").join(reversed(labels))


def _order(text: str) -> tuple[int, int]:
    address = address_of(text)
    return address.version, int(address)


def _own_labels(network: IPv4Network | IPv6Network) -> int:
    """How many labels of an address stand within its zone; the rest is the zone's name."""
    if isinstance(network, IPv4Network):
        bits = -(-network.prefixlen // _BYTE) * _BYTE
        return 1 if bits <= _LARGEST_V4 else 0
    return (_V6_BITS - -(-network.prefixlen // _NIBBLE) * _NIBBLE) // _NIBBLE


def address_ranges(addresses: Iterable[str], version: int) -> tuple[str, ...]:
    """Addresses of one IP version as few ranges: ``10.0.0.5-10.0.0.9``, or one address alone."""
    numbers = sorted({int(one) for text in addresses if (one := address_of(text)).version == version})
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    make = IPv4Address if version == 4 else IPv6Address  # noqa: PLR2004
    return tuple(str(make(low)) if low == high else f"{make(low)}-{make(high)}" for low, high in ranges)
