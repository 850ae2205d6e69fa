"""Addresses read from text, each once: of thousands of nodes the same few thousand texts are read again and again."""

from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_address,
    ip_interface,
    ip_network,
)

_KEPT = 65_536


@lru_cache(maxsize=_KEPT)
def address_of(text: str) -> IPv4Address | IPv6Address:
    """An address.

    Raises:
        ValueError: when the text is none.
    """
    return ip_address(text)


@lru_cache(maxsize=_KEPT)
def interface_of(text: str) -> IPv4Interface | IPv6Interface:
    """An address with its prefix length.

    Raises:
        ValueError: when the text is none.
    """
    return ip_interface(text)


@lru_cache(maxsize=_KEPT)
def network_of(text: str) -> IPv4Network | IPv6Network:
    """A network, or a single address as one.

    Raises:
        ValueError: when the text is none, or has bits set behind its prefix.
    """
    return ip_network(text)
