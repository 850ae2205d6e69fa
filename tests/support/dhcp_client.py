"""A machine without a system that asks for an address by DHCP (RFC 2131, RFC 8415): who it is, what it was told."""

import socket
import struct
import time
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from support.network_hosts import NetworkHost

_MAGIC = b"\x63\x82\x53\x63"
_DISCOVER, _OFFER, _REQUEST, _ACK = 1, 2, 3, 5
_KIND, _SERVER, _WANTED, _ASKS, _ARCHITECTURE = 53, 54, 50, 55, 93
_ROUTER, _NAME_SERVERS, _HOST_NAME = 3, 6, 12
_WAIT_S = 2.0
_NO_CHECKSUM = 11
BIOS, UEFI_X64 = 0, 7
"""Kinds of machines (RFC 4578)."""


@dataclass(frozen=True)
class Leased:
    """What a machine was told.

    Attributes:
        address: its address.
        router: its default gateway.
        name_servers: its resolvers.
        host_name: its name, or empty.
        next_server: the server that it starts from.
        file: what it starts from there.
    """

    address: str
    router: str
    name_servers: tuple[str, ...]
    host_name: str
    next_server: str
    file: str


def ask(host: NetworkHost, interface: str, mac_address: str, *, architecture: int, within_s: float = 30) -> Leased:
    """Discover, request; gives what was acknowledged.

    Args:
        host: the machine.
        interface: its port.
        mac_address: the port's.
        architecture: what kind of machine it is.
        within_s: how long a server may need, in seconds.
    """
    with host.inside():
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        one.setsockopt(socket.SOL_SOCKET, _NO_CHECKSUM, 1)  # a virtual port leaves it to hardware that is not there
        one.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        one.bind(("0.0.0.0", 68))
    with one:
        one.settimeout(_WAIT_S)
        end = time.monotonic() + within_s
        while time.monotonic() < end:
            offer = _exchange(one, mac_address, {_KIND: bytes([_DISCOVER])}, architecture, wanted=_OFFER)
            if offer is None:
                continue
            address, said = offer[16:20], _options(offer)
            more = {_KIND: bytes([_REQUEST]), _WANTED: address, _SERVER: said[_SERVER]}
            answer = _exchange(one, mac_address, more, architecture, wanted=_ACK)
            if answer is not None:
                return _leased(answer)
    raise AssertionError(f"{host.name}: nobody leased an address to {mac_address} within {within_s} s")


def _exchange(
    one: socket.socket, mac_address: str, options: dict[int, bytes], architecture: int, *, wanted: int
) -> bytes | None:
    hardware = bytes.fromhex(mac_address.replace(":", ""))
    asks = bytes([_ROUTER, _NAME_SERVERS, _HOST_NAME])
    every = options | {_ASKS: asks, _ARCHITECTURE: struct.pack("!H", architecture)}
    head = struct.pack("!BBBBIHH4s4s4s4s", 1, 1, 6, 0, int.from_bytes(hardware[2:]), 0, 0x8000, *(4 * [bytes(4)]))
    body = b"".join(bytes([code, len(value)]) + value for code, value in every.items())
    one.sendto(head + hardware.ljust(16, b"\0") + bytes(192) + _MAGIC + body + b"\xff", ("255.255.255.255", 67))
    try:
        while True:
            packet = one.recv(2048)
            if packet[28:34] == hardware and _options(packet).get(_KIND) == bytes([wanted]):
                return packet
    except TimeoutError:
        return None


def _options(packet: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    rest = packet[240:]
    while rest and rest[0] != 0xFF:
        if rest[0]:
            found[rest[0]] = rest[2 : 2 + rest[1]]
            rest = rest[2 + rest[1] :]
        else:
            rest = rest[1:]
    return found


def _leased(packet: bytes) -> Leased:
    said = _options(packet)
    servers = said.get(_NAME_SERVERS, b"")
    return Leased(
        address=str(IPv4Address(packet[16:20])),
        router=str(IPv4Address(said.get(_ROUTER, bytes(4)))),
        name_servers=tuple(str(IPv4Address(servers[at : at + 4])) for at in range(0, len(servers), 4)),
        host_name=said.get(_HOST_NAME, b"").decode("ascii"),
        next_server=str(IPv4Address(packet[20:24])),
        file=packet[108:236].rstrip(b"\0").decode("ascii"),
    )


_SOLICIT, _ADVERTISE, _REQUEST_V6, _REPLY = 1, 2, 3, 7
_CLIENT_ID, _SERVER_ID, _IA_NA, _IA_ADDRESS, _ORO, _ELAPSED = 1, 2, 3, 5, 6, 8
_DNS_SERVERS, _DOMAIN_SEARCH, _BOOT_URL, _CLIENT_ARCHITECTURE = 23, 24, 59, 61
_ALL_SERVERS = "ff02::1:2"


@dataclass(frozen=True)
class LeasedV6:
    """What a machine was told by DHCPv6.

    Attributes:
        address: its address.
        name_servers: its resolvers.
        url: what it starts from, or empty.
    """

    address: str
    name_servers: tuple[str, ...]
    url: str


def ask_v6(
    host: NetworkHost, interface: str, mac_address: str, *, architecture: int, within_s: float = 30, duid: str = ""
) -> LeasedV6:
    """Solicit, request; gives what was replied. Without another DUID it has the MAC address.

    Args:
        host: the machine.
        interface: its port.
        mac_address: the port's.
        architecture: what kind of machine it is.
        within_s: how long a server may need, in seconds.
        duid: what the machine calls itself.
    """
    with host.inside():
        one = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        index = socket.if_nametoindex(interface)
        one.bind(("::", 546))
    own = [
        (_CLIENT_ID, bytes.fromhex((duid or f"00:03:00:01:{mac_address}").replace(":", ""))),
        (_ORO, struct.pack("!HHH", _DNS_SERVERS, _DOMAIN_SEARCH, _BOOT_URL)),
        (_ELAPSED, bytes(2)),
        (_CLIENT_ARCHITECTURE, struct.pack("!H", architecture)),
    ]
    with one:
        one.settimeout(_WAIT_S)
        end = time.monotonic() + within_s
        while time.monotonic() < end:
            offer = _exchange_v6(
                one, index, _SOLICIT, [*own, (_IA_NA, struct.pack("!III", 1, 0, 0))], wanted=_ADVERTISE
            )
            if offer is None or _IA_ADDRESS not in _options_v6(offer.get(_IA_NA, b"")[12:]):
                continue
            more = [(_SERVER_ID, offer[_SERVER_ID]), (_IA_NA, offer[_IA_NA])]
            said = _exchange_v6(one, index, _REQUEST_V6, [*own, *more], wanted=_REPLY)
            if said is not None:
                servers = said.get(_DNS_SERVERS, b"")
                return LeasedV6(
                    address=str(IPv6Address(_options_v6(said[_IA_NA][12:])[_IA_ADDRESS][:16])),
                    name_servers=tuple(str(IPv6Address(servers[at : at + 16])) for at in range(0, len(servers), 16)),
                    url=said.get(_BOOT_URL, b"").decode("ascii"),
                )
    raise AssertionError(f"{host.name}: nobody leased an IPv6 address to {mac_address} within {within_s} s")


def _exchange_v6(
    one: socket.socket, index: int, kind: int, options: list[tuple[int, bytes]], *, wanted: int
) -> dict[int, bytes] | None:
    body = b"".join(struct.pack("!HH", code, len(value)) + value for code, value in options)
    try:
        one.sendto(struct.pack("!I", kind << 24 | kind) + body, (_ALL_SERVERS, 547, 0, index))
        while True:
            packet = one.recv(2048)
            if packet[0] == wanted and packet[1:4] == bytes([0, 0, kind]):
                return _options_v6(packet[4:])
    except TimeoutError:
        return None


def _options_v6(rest: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    while len(rest) >= 4:  # code and length
        code, length = struct.unpack("!HH", rest[:4])
        found[code] = rest[4 : 4 + length]
        rest = rest[4 + length :]
    return found
