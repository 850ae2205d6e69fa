"""A machine without a system that asks for an address by DHCP (RFC 2131): who it is, what it was told."""

import socket
import struct
import time
from dataclasses import dataclass
from ipaddress import IPv4Address

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
