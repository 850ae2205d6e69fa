"""What a site's servers do by choice: a second one leases addresses, zones of the DNS are signed, alerts are sent."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Self

from pydantic import Field, model_validator

from zonewright.model.base import Declared, Identifier
from zonewright.model.ip import Address, Network
from zonewright.model.secret import SecretReference

_LEAST, _MOST = 1024, 65_534
HostPath = Annotated[str, Field(pattern=r"^/[A-Za-z0-9][A-Za-z0-9._/-]*$", max_length=255)]
"""Where a file is on a host."""


class Alertmanager(Declared):
    """Who is told of the alerts of a site's Prometheus."""

    url: Annotated[
        str, Field(pattern=r"^https?://(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?$", max_length=200)
    ]
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


class Dnssec(Declared):
    """The key by which a site's name servers sign the site's own zones (DNSSEC, ECDSA P-256 with SHA-256)."""

    dnskey: Annotated[str, Field(pattern=r"^257 3 13 [A-Za-z0-9+/]{86}==$", max_length=97)]
    """The public key as its DNSKEY record ends, ``257 3 13 mdsswUyr3DPW...``; other sites check answers by it."""
    private_key: SecretReference
    """Reference to the value of ``PrivateKey``, such as ref+vault://names/east#/private; all name servers have it."""
    transfer_key: SecretReference | None = None
    """Reference to a key of hmac-sha256 in base64, with which secondaries may transfer the signed zones."""

    @property
    def public_key(self) -> str:
        """The public key in base64."""
        return self.dnskey.rpartition(" ")[2]


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
