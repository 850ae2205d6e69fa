"""Zones of the DNS that a site's name servers sign, and those of other sites whose signatures they check."""

import base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from zonewright.model import Site
from zonewright.model.surroundings import Surroundings
from zonewright.render.contexts.naming import ReverseZone, reverse_zones

_KEY_FLAGS, _PROTOCOL, _ALGORITHM = 257, 3, 13
_END = "=="
_BYTE, _WORD = 8, 0xFFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedZone:
    """A zone that is signed.

    Attributes:
        key: its name with the numbers of its keys; with another key the zone is signed anew.
        zone: its name.
        file: name of its file for BIND.
        source: where its content is, below the folder of zones.
        has_other: whether another key is published beside the one that signs.
        transfer_key: reference to the key by which secondaries may have it, or empty.
    """

    key: str
    zone: str
    file: str
    source: str
    has_other: bool
    transfer_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneKey:
    """A key of a zone.

    Attributes:
        key: name of its files, without the first letter, as BIND names them.
        zone: name of the zone.
        tag: number of the key.
        public_key: the key that others check by, without the two characters at its end, which are ``==``.
        private_key: reference to the other half.
        signs: whether it signs the zone, and not its keys only.
    """

    key: str
    zone: str
    tag: int
    public_key: str
    private_key: str
    signs: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustAnchor:
    """The key by which answers of another site are checked, without the two characters at its end."""

    zone: str
    public_key: str


def signed_zones(name: str, site: Site, back: Iterable[ReverseZone], service: Iterable[str]) -> tuple[SignedZone, ...]:
    """The zones that a site's name servers sign; none without a key.

    Args:
        name: id of the site.
        site: its declaration.
        back: the ways back that it answers for.
        service: names of the zone's service.
    """
    if site.dnssec is None:
        return ()
    found = [(f"{name}.internal", "site.zone")]
    found += [(one, f"service/{one}.zone") for one in service]
    found += [(one.zone, f"reverse/{one.key}.zone") for one in back]
    other = site.dnssec.other_public_key
    keys = f"+{_ALGORITHM:03}+{key_tag(site.dnssec.public_key):05}" + (f".{key_tag(other):05}" if other else "")
    return tuple(
        SignedZone(
            key=f"{zone}.{keys}",
            zone=zone,
            file=f"zonewright-{zone}.{keys}.zone",
            source=source,
            has_other=bool(other),
            transfer_key=site.dnssec.transfer_key or "",
        )
        for zone, source in found
    )


def zone_keys(site: Site, zones: Iterable[SignedZone]) -> tuple[ZoneKey, ...]:
    """The keys of the zones that a site's name servers sign, of each zone the one that signs it first.

    Args:
        site: its declaration.
        zones: the zones.
    """
    if site.dnssec is None:
        return ()
    known = [(site.dnssec.public_key, site.dnssec.private_key)]
    if site.dnssec.other_key is not None:
        known.append((site.dnssec.other_public_key, site.dnssec.other_key.private_key))
    return tuple(
        ZoneKey(
            key=f"{one.zone}.+{_ALGORITHM:03}+{key_tag(public_key):05}",
            zone=one.zone,
            tag=key_tag(public_key),
            public_key=public_key.removesuffix(_END),
            private_key=private_key,
            signs=index == 0,
        )
        for one in zones
        for index, (public_key, private_key) in enumerate(known)
    )


def trust_anchors(around: Surroundings, *, besides: str) -> tuple[TrustAnchor, ...]:
    """The keys of all sites but one that sign, for each of their zones that others ask for, in order of site."""
    return tuple(
        TrustAnchor(zone=zone, public_key=key.removesuffix(_END))
        for site_id, routing in sorted(around.routing.items())
        if site_id != besides and routing.signing_key and routing.name_servers
        for zone in (
            f"{site_id}.internal",
            *(
                one.zone
                for one in reverse_zones(((one, ".") for one in routing.named), (*routing.networks, *routing.others))
            ),
        )
        for key in (routing.signing_key, routing.other_key)
        if key
    )


def unsigned_domains(name: str, around: Surroundings, anchors: Iterable[TrustAnchor]) -> Iterator[str]:
    """The names below .internal that nobody signs: all, unless another site signs its own."""
    signed = {one.zone for one in anchors}
    if not signed:
        yield "internal"
        return
    for site_id in sorted({name, *around.routing}):
        if f"{site_id}.internal" not in signed:
            yield f"{site_id}.internal"


def key_tag(public_key: str) -> int:
    """The number by which a key is known (RFC 4034, appendix B).

    Args:
        public_key: in base64, as a DNSKEY record ends.

    Example:
        >>> key_tag("A" * 86 + "==")
        1038
    """
    data = _KEY_FLAGS.to_bytes(2, "big") + bytes([_PROTOCOL, _ALGORITHM]) + base64.b64decode(public_key)
    total = sum(byte << _BYTE if index % 2 == 0 else byte for index, byte in enumerate(data))
    return (total + (total >> 16 & _WORD)) & _WORD
