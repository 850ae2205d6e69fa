"""What a site's servers and routers do by choice: second ones take over, zones are signed, alerts are sent."""

import base64
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv6Address
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from zonewright.model.base import Declared, Identifier
from zonewright.model.ip import Address, Network
from zonewright.model.secret import SecretReference
from zonewright.model.site_network import AddressPool, InterfaceName, RouterNetwork, SiteVlan, is_part, port_of

_LEAST, _MOST = 1024, 65_534
ON_HOST_PATTERN = r"^/[A-Za-z0-9][A-Za-z0-9._/-]*$"
HostPath = Annotated[str, Field(pattern=ON_HOST_PATTERN, max_length=255)]
"""Where a file is on a host."""
ALERTS_PATTERN = r"^https?://(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?$"
DNSKEY_PATTERN = r"^257 3 13 (?:[A-Za-z0-9+/] ?){86}==$"
_KEY_FLAGS, _PROTOCOL, ALGORITHM = 257, 3, 13
_BYTE, _WORD = 8, 0xFFFF
_P256 = 2**256 - 2**224 + 2**192 + 2**96 - 1
_P256_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B


def _one_key(text: str) -> str:
    """A DNSKEY record's end with the key in one word, where BIND breaks it into two.

    Raises:
        ValueError: when it is no key: its own servers could not sign, and other sites would believe no answer.
    """
    key = text.removeprefix("257 3 13 ").replace(" ", "")
    data = base64.b64decode(key)
    x, y = int.from_bytes(data[:32]), int.from_bytes(data[32:])
    is_point = max(x, y) < _P256 and (y * y - x * x * x + 3 * x - _P256_B) % _P256 == 0
    if not is_point or base64.b64encode(data).decode("ascii") != key:
        message = "no key of ECDSA P-256 as it stands behind DNSKEY in a file K*.key; copy it whole"
        raise ValueError(message)
    return f"257 3 13 {key}"


def key_tag(public_key: str) -> int:
    """The number by which a key is known (RFC 4034, appendix B).

    Args:
        public_key: in base64, as a DNSKEY record ends.

    Example:
        >>> key_tag("A" * 86 + "==")
        1038
    """
    data = _KEY_FLAGS.to_bytes(2, "big") + bytes([_PROTOCOL, ALGORITHM]) + base64.b64decode(public_key)
    total = sum(byte << _BYTE if index % 2 == 0 else byte for index, byte in enumerate(data))
    return (total + (total >> 16 & _WORD)) & _WORD


def _reachable(url: str) -> str:
    """A URL with a port that there is, and in brackets an address of IPv6.

    Raises:
        ValueError: when it is none.
    """
    try:
        parts = urlsplit(url)
        is_some = parts.port != 0 and (
            not parts.netloc.startswith("[") or IPv6Address(parts.hostname or "") is not None
        )
    except ValueError:
        is_some = False
    if not is_some:
        message = "a URL that leads nowhere; write a port from 1 to 65535, or an address of IPv6 in brackets"
        raise ValueError(message)
    return url


class Alertmanager(Declared):
    """Who is told of the alerts of a site's Prometheus."""

    url: Annotated[str, Field(pattern=ALERTS_PATTERN, max_length=200), AfterValidator(_reachable)]
    """Its URL without a path, such as https://alerts.zone.internal:9093."""
    ca_file: HostPath | None = None
    """File on the host of Prometheus with the certificates that it must have, instead of the system's."""
    credentials_file: HostPath | None = None
    """File on the same host with a bearer token, for HTTPS only."""

    @model_validator(mode="after")
    def _over_tls(self) -> Self:
        if self.url.startswith("http:") and (self.ca_file or self.credentials_file):
            message = "ca_file and credentials_file are for HTTPS only; write a URL that begins with https"
            raise ValueError(message)
        return self


class SecondDhcpServer(Declared):
    """Another DHCP server of the site: both know all leases, and it leases on when the first one is lost."""

    name: Identifier
    """Name of its host; the first server's is the site's id."""
    address: Address
    """Where it hears the first server."""
    first_address: Address
    """Where the first server hears it; one of the same IP version."""
    port: Annotated[int, Field(ge=_LEAST, le=_MOST)] = 8067
    """TCP port of both for IPv4; for IPv6 it is the next one."""
    trust_anchor: HostPath = "/etc/kea/ha/ca.pem"
    """File on both hosts with the certificate of an authority that signs theirs and no others; nobody else is heard."""
    cert_file: HostPath = "/etc/kea/ha/cert.pem"
    """File on each host with its own certificate."""
    key_file: HostPath = "/etc/kea/ha/key.pem"
    """File on each host with its key."""
    hooks: HostPath = "/usr/lib/x86_64-linux-gnu/kea/hooks"
    """Folder on both hosts with Kea's libraries ``libdhcp_ha.so`` and ``libdhcp_lease_cmds.so``."""

    def without_files(self) -> "SecondDhcpServer":
        """The same server, without what only its hosts need, such as where their keys are."""
        return SecondDhcpServer(name=self.name, address=self.address, first_address=self.first_address)


class OtherKey(Declared):
    """A key that comes or goes: it is published, and other sites believe it, and it signs nothing but the keys."""

    dnskey: Annotated[str, Field(pattern=DNSKEY_PATTERN, max_length=120), AfterValidator(_one_key)]
    """The public key as its DNSKEY record ends."""
    private_key: SecretReference
    """Reference to the value of ``PrivateKey``."""


class Dnssec(Declared):
    """The key by which a site's name servers sign the site's own zones (DNSSEC, ECDSA P-256 with SHA-256)."""

    dnskey: Annotated[str, Field(pattern=DNSKEY_PATTERN, max_length=120), AfterValidator(_one_key)]
    """The public key as its DNSKEY record ends, ``257 3 13 mdsswUyr3DPW...``; other sites check answers by it."""
    private_key: SecretReference
    """Reference to the value of ``PrivateKey``, such as ref+vault://names/east#/private; all name servers have it."""
    transfer_key: SecretReference | None = None
    """Reference to a key of hmac-sha256 in base64, with which secondaries may transfer the signed zones."""
    other_key: OtherKey | None = None
    """The key that comes next, or the one before, while both count."""

    @model_validator(mode="after")
    def _another(self) -> Self:
        if self.other_key is not None and self.other_key.dnskey == self.dnskey:
            message = "the same key twice; let other_key be another one, or leave it out"
            raise ValueError(message)
        if self.other_key is not None and key_tag(self.other_public_key) == key_tag(self.public_key):
            message = "two keys with the same number, by which name servers keep them; make another one"
            raise ValueError(message)
        return self

    @property
    def public_key(self) -> str:
        """The public key in base64."""
        return self.dnskey.rpartition(" ")[2]

    @property
    def other_public_key(self) -> str:
        """The other public key in base64, or empty."""
        return self.other_key.dnskey.rpartition(" ")[2] if self.other_key is not None else ""


def second_dhcp_faults(second: SecondDhcpServer, networks: Iterable[Network], *, leases: bool) -> Iterator[str]:
    """What is wrong with a site's second DHCP server: a sentence for each fault.

    Args:
        second: the server.
        networks: all networks of the site.
        leases: whether the site has dynamic addresses.
    """
    if second.address.version != second.first_address.version:
        yield f"second_dhcp_server hears at {second.address}, and the first at {second.first_address}; name one version"
    if second.address == second.first_address:
        yield f"both DHCP servers at {second.address}; give each host its own address"
    known = tuple(networks)
    for one in (second.first_address, second.address):
        if not any(one.version == network.version and one in network for network in known):
            yield f"a DHCP server at {one}, which is in no network of the site; name one in its pools or networks"
    if not leases:
        yield "a second_dhcp_server at a site without 'dynamic' addresses; declare them at a pool, or leave it out"


class SecondRouter(Declared):
    """Another router with the same interfaces in networks of the site; one of the two is the gateway of them all."""

    name: Identifier
    """Name of its host; the first router's is the site's id."""
    interconnect: InterfaceName
    """The interface by which each of the two reaches the other one, with nothing else on it, such as ``x0``."""
    loopbacks: Annotated[tuple[Address, ...], Field(max_length=2, strict=False)] = ()
    """Addresses of the router itself, at most one of each IP version."""
    links: Annotated[tuple[Identifier, ...], Field(max_length=100, strict=False)] = ()
    """Links that end at it; all others of the site end at the first router."""


def second_router_faults(  # noqa: PLR0917 - the parts of a site
    second: SecondRouter,
    as_number: int | None,
    loopbacks: Iterable[Address],
    vlans: Mapping[str, SiteVlan],
    pools: Mapping[str, AddressPool],
    networks: Mapping[str, RouterNetwork],
) -> Iterator[str]:
    """What is wrong with a site's second router: a sentence for each fault.

    Args:
        second: the router.
        as_number: number of the site's autonomous system.
        loopbacks: of the first router.
        vlans: of the site, by id.
        pools: its pools by id.
        networks: its other networks by id.
    """
    if as_number is None:
        yield "a second router at a site without as_number, so that it has no routing; give the site its number"
    if len({one.version for one in second.loopbacks}) < len(second.loopbacks):
        yield "two loopbacks of one IP version at the second router; leave one of them out"
    for one in set(second.loopbacks) & set(loopbacks):
        yield f"loopback {one} at both routers; give each its own"
    ports = {"lo"}
    all_of: list[AddressPool | RouterNetwork] = [*pools.values(), *networks.values()]
    for held in all_of:
        if held.interface is not None:
            ports |= {held.interface, port_of(held, vlans)}
    ports |= {one.vrf or "" for one in vlans.values()} | {one.vrf or "" for one in networks.values()}
    if second.interconnect in ports:
        yield f"interconnect '{second.interconnect}' is an interface of the site's networks too; name another one"
    if len(ports) == 1:
        yield "a second router at a site whose networks name no interface, so there is no gateway to take over"
    if len(set(second.links)) < len(second.links):
        yield "the second router names a link twice; leave one of them out"


def stretched_faults(
    vlans: Mapping[str, SiteVlan],
    pools: Mapping[str, AddressPool],
    networks: Mapping[str, RouterNetwork],
    loopbacks: Iterable[Address],
    *,
    has_two: bool,
) -> Iterator[str]:
    """What is wrong with VLANs that other sites have too: a sentence for each fault.

    Args:
        vlans: of the site, by id.
        pools: its pools by id.
        networks: its other networks by id.
        loopbacks: of the router.
        has_two: whether the site has two routers.
    """
    yield from _vni_faults(vlans, pools)
    yield from _whole_faults(vlans, pools, networks)
    if any(one.vni is not None for one in vlans.values()):
        if has_two:
            yield "a VLAN with a vni at a site with two routers, which would both pass on its frames; leave one out"
        if not any(one.version == 4 for one in loopbacks):  # noqa: PLR2004
            yield "a VLAN with a vni at a site without an IPv4 address in 'loopbacks', where its frames would end"


def _vni_faults(vlans: Mapping[str, SiteVlan], pools: Mapping[str, AddressPool]) -> Iterator[str]:
    """A VLAN that other sites have too is a tenant's, and its pools are parts of what all sites say that it is."""
    known: dict[int, str] = {}
    for key, vlan in vlans.items():
        lacking = [name for name in ("vni", "prefixes", "sites") if getattr(vlan, name) in {None, ()}]
        if 0 < len(lacking) < 3:  # noqa: PLR2004
            yield f"VLAN {key} has no {' and no '.join(lacking)}; name vni, prefixes and sites, or none of them"
        elif vlan.vni is not None and vlan.tenant is None:
            yield f"VLAN {key} has a vni and is no tenant's; name its tenant, or leave it out"
        elif vlan.vni is not None and known.setdefault(vlan.vni, key) != key:
            yield f"VLANs {known[vlan.vni]} and {key} have the same vni {vlan.vni}; give each a vni of its own"
    for key, pool in pools.items():
        whole = vlans.get(pool.vlan or "")
        if whole is not None and whole.vni is not None:
            if not any(is_part(pool.prefix, one) for one in whole.prefixes):
                yield f"pool {key} is part of none of the prefixes of VLAN {pool.vlan}; write one that holds it"
            if pool.dynamic is not None:
                yield f"pool {key} leases addresses in VLAN {pool.vlan}, and its vni has machines of other sites too"


def _whole_faults(
    vlans: Mapping[str, SiteVlan], pools: Mapping[str, AddressPool], networks: Mapping[str, RouterNetwork]
) -> Iterator[str]:
    """A VLAN's whole networks hold nothing else: its nodes ask for all addresses in them by frames."""
    held = [(f"pool {key}", one.vlan, one.prefix) for key, one in pools.items()]
    held += [(f"network {key}", one.vlan, one.prefix) for key, one in networks.items()]
    wholes: list[tuple[str, Network]] = []
    for key, whole in ((key, whole) for key, vlan in vlans.items() for whole in vlan.prefixes):
        for what, vlan, prefix in held:
            if vlan != key and _shares(prefix, whole):
                yield f"{what} has addresses of {whole}, which is wholly in VLAN {key}; name smaller prefixes there"
        for other, prefix in wholes:
            if _shares(prefix, whole):
                yield f"VLANs {other} and {key} have {prefix} and {whole} in prefixes, which overlap; leave one out"
        wholes.append((key, whole))


def _shares(one: Network, other: Network) -> bool:
    return one.version == other.version and (is_part(one, other) or is_part(other, one))
